"""The tokenizer backend in plain Python: each stage of a tokenizer.json, one after the other.

    text ─ added tokens ─ normalizer ─ pre-tokenizer ─ model ─ post-processor ─► ids
                                                    ids ─ decoder ─► text

It is written to be read, and it is the oracle of the compiled core, which must give the same results for every file
and text.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litz.errors import ArgumentError, FormatError
from litz.numbers import token_id
from litz.tokenizers.python_backend import untrusted
from litz.tokenizers.python_backend.added_tokens import AddedTokens
from litz.tokenizers.python_backend.bpe import Bpe
from litz.tokenizers.python_backend.decoders import Decoder
from litz.tokenizers.python_backend.encoding import Encoding, joined, truncated
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.model import Model, Token
from litz.tokenizers.python_backend.normalizers import normalizer
from litz.tokenizers.python_backend.places import Places
from litz.tokenizers.python_backend.post_processors import PostProcessor
from litz.tokenizers.python_backend.pre_tokenizers import pre_tokenizer
from litz.tokenizers.python_backend.stream import DecodeStream
from litz.tokenizers.python_backend.text import Span, Text
from litz.tokenizers.python_backend.unigram import Unigram
from litz.tokenizers.python_backend.word_level import WordLevel
from litz.tokenizers.python_backend.word_piece import WordPiece

_STAGES = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
Piece = tuple[Text, Token | None]  # a piece of text, and the added token that it is


class PythonTokenizer:
    """A tokenizer, immutable but for the chance of BPE dropout, which `seed` makes repeatable."""

    def __init__(self, file: Mapping[str, Any], *, seed: int | None = None) -> None:
        if file.get("version", "1.0") != "1.0":
            raise FormatError(f"version: found {file['version']!r}, expected '1.0'")
        self._file = file
        self._model = _model(file.get("model"), seed=seed)
        self._normalize = normalizer(file.get("normalizer"), "normalizer")
        self._pre_tokenize = pre_tokenizer(file.get("pre_tokenizer"), "pre_tokenizer")
        self._post_processor = PostProcessor.of(file.get("post_processor"), "post_processor")
        self._decoder = Decoder.of(file.get("decoder"), "decoder")
        self._added = AddedTokens.of(
            file.get("added_tokens"), self._model.vocab, lambda text: self._normalize(Text.of(text)).chars
        )
        self._names = {id: token for token, id in self._model.vocab.items()}
        self._spelled_specials = [
            text for text, token in self._added.by_content.items()
            if token.special and token.id in self._names and len(text) > 1
        ]  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.to_json(),)

    @classmethod
    def from_json(cls, data: bytes | str, *, seed: int | None = None) -> "PythonTokenizer":
        """Reads a `tokenizer.json`; its `truncation` and `padding` are left to the caller."""
        try:
            file = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"not a tokenizer.json: {error}") from None
        if not isinstance(file, dict):
            raise FormatError(f"not a tokenizer.json: found {type(file).__name__}, expected an object")
        return cls(file, seed=seed)

    def to_json(self) -> str:
        """The tokenizer.json of this tokenizer."""
        return json.dumps(self._file, ensure_ascii=False)

    # Text to ids

    def encode(self, text: str, add_special_tokens: bool = True, trusted: Sequence[Span] | None = None) -> list[int]:
        """The ids of a text.

        With `trusted` (ranges of the text's UTF-8 bytes, in order and apart), special tokens are found only in those.
        """
        return self.encode_full(text, add_special_tokens=add_special_tokens, trusted=trusted).ids

    def encode_batch(self, texts: Iterable[str], add_special_tokens: bool = True) -> list[list[int]]:
        """The ids of several texts."""
        return [self.encode(text, add_special_tokens) for text in texts]

    def encode_full(
        self,
        text: str | Sequence[str],
        pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        stride: int = 0,
        strategy: str = "longest_first",
        truncation_side: str = "right",
        trusted: Sequence[Span] | None = None,
    ) -> Encoding:
        """The encoding of one text or of two; a list instead of a text is words that were split before.

        `max_length` counts special tokens; what it cuts off is in `overflowing`. Of words and pairs, `trusted` can be
        empty only: nothing in them is a special token.
        """
        if trusted and (pair is not None or not isinstance(text, str)):
            raise ArgumentError("the Python backend takes trusted ranges of a single text only; pass a str and no pair")
        encodings = [self._sequence(text, trusted)]
        if pair is not None:
            encodings.append(self._sequence(pair, trusted))
        if max_length is not None:
            room = max_length - self._post_processor.added(pair=pair is not None) * add_special_tokens
            if room < 0:
                raise ArgumentError(
                    f"max_length is {max_length}, but the special tokens alone are {max_length - room}; "
                    "pass a larger one, or add_special_tokens=False"
                )
            encodings = truncated(encodings, room, stride=stride, strategy=strategy, side=truncation_side)
        return self._post_processor.process(encodings, add_special_tokens=add_special_tokens)

    def encode_full_batch(
        self,
        texts: Sequence[str | Sequence[str]],
        pairs: Sequence[str | Sequence[str]] | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        stride: int = 0,
        strategy: str = "longest_first",
        truncation_side: str = "right",
        trusted: Sequence[Sequence[Span] | None] | None = None,
    ) -> list[Encoding]:
        """`encode_full` of several texts, or of pairs."""
        others = [None] * len(texts) if pairs is None else pairs
        ranges = [None] * len(texts) if trusted is None else trusted
        return [
            self.encode_full(
                text, pair, add_special_tokens=add_special_tokens, max_length=max_length, stride=stride,
                strategy=strategy, truncation_side=truncation_side, trusted=spans,
            )
            for text, pair, spans in zip(texts, others, ranges, strict=True)
        ]  # fmt: skip

    def _sequence(self, text: str | Sequence[str], trusted: Sequence[Span] | None) -> Encoding:
        if isinstance(text, str):
            return self._encoded(text, None, trusted)
        return joined(self._encoded(word, number, trusted) for number, word in enumerate(text))

    def _encoded(self, original: str, word: int | None, trusted: Sequence[Span] | None) -> Encoding:
        """The tokens of one text; a word is every piece of it, or the number that it was given."""
        if any("\ud800" <= char <= "\udfff" for char in original):
            raise ArgumentError(f"{original!r:.80} is no text: it has a lone surrogate, which UTF-8 cannot write")
        encoding = Encoding()
        places = Places(original)
        everything = trusted is None or list(trusted) == [(0, len(original.encode()))]
        spans = None if everything else [places.characters(span) for span in trusted or ()]
        for number, (text, added) in enumerate(self._pieces(original, spans)):
            tokens = self._tokens(text.chars, plain=not everything) if added is None else [added]
            for token, offsets in zip(tokens, places.of(text, tokens), strict=True):
                encoding.add(token.id, token.name, offsets, number if word is None else word)
        return encoding

    def _pieces(self, original: str, trusted: Sequence[Span] | None) -> Iterable[Piece]:
        """The text cut at added tokens, normalized between them, cut at normalized ones, and pre-tokenized."""
        for text, added in _cut(Text.of(original), self._added.raw.parts(original, trusted)):
            if added is not None:
                yield text, added
                continue
            text = self._normalize(text)
            within = None if trusted is None else untrusted.trusted_spans(text, trusted)
            for part, late in _cut(text, self._added.late.parts(text.chars, within)):
                if late is not None:
                    yield part, late
                else:
                    yield from ((piece, None) for piece in self._pre_tokenize(part) if piece.chars)

    def _tokens(self, piece: str, *, plain: bool) -> list[Token]:
        """The model's tokens of a piece; of a `plain` one, none that is special."""
        if not plain:
            return self._model.tokens(piece)
        tokens, start = [], 0
        for part in untrusted.split_specials(piece, self._spelled_specials):
            tokens += [
                token._replace(start=token.start + start, end=token.end + start) for token in self._model.tokens(part)
            ]
            start += len(part.encode())
        return tokens

    def slots(
        self, pair: bool = False, add_special_tokens: bool = True
    ) -> list[tuple[int | None, int | None, int, bool]]:
        """(token id or None, text 0 or 1 or None, type id, counts as special) of each place around the texts."""
        texts = [Encoding.around([(0, "")], 0) for _ in range(1 + pair)]
        for text in texts:
            text.special_tokens_mask = [0]
        whole = self._post_processor.process(texts, add_special_tokens=add_special_tokens)
        rows = zip(whole.ids, whole.sequence_ids, whole.type_ids, whole.special_tokens_mask, strict=True)
        return [
            (id if sequence is None else None, sequence, type_id, bool(special))
            for id, sequence, type_id, special in rows
        ]

    def special_tokens_to_add(self, pair: bool = False) -> int:
        """How many tokens are put around one text, or around two."""
        return self._post_processor.added(pair=pair)

    # Ids to text

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of ids; ids without a token are left out, bytes that are not UTF-8 become U+FFFD."""
        checked = [token_id(id, "decode") for id in ids]
        return self._decoder.text(self._spelled(checked, skip_special_tokens))

    def decode_bytes(self, ids: Iterable[int], skip_special_tokens: bool = False) -> bytes:
        """What the ids stand for, byte by byte."""
        text = self._decoder.text(self._spelled(ids, skip_special_tokens), raw=True)
        return text.encode(errors="surrogateescape")

    def decode_tokens(self, tokens: list[str]) -> str:
        """The text that tokens spell."""
        return self._decoder.text(tokens)

    def stream(self, skip_special_tokens: bool = False) -> DecodeStream:
        """Decodes ids as they come."""
        return DecodeStream(self._decoder, lambda id: self._spell(id, skip_special_tokens))

    def _spelled(self, ids: Iterable[int], skip: bool) -> list[str]:
        tokens = (self._spell(id, skip) for id in ids)
        return [token for token in tokens if token is not None]

    def _spell(self, id: int, skip: bool) -> str | None:
        added = self._added.decoded(id)
        if added is None:
            return self._names.get(id)
        token, special = added
        return None if skip and special else token

    # The vocabulary

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, or None."""
        added = self._added.by_content.get(token)
        return self._model.vocab.get(token) if added is None else added.id

    def id_to_token(self, id: int) -> str | None:
        """The token of an id, or None."""
        added = self._added.by_id.get(token_id(id, "ids"))
        return self._names.get(id) if added is None else added.content

    def vocab(self) -> dict[str, int]:
        """Every token with its id, added ones included."""
        return dict(self._model.vocab) | {token.content: token.id for token in self._added.by_id.values()}

    def vocab_size(self, with_added: bool = True) -> int:
        """How many tokens there are, with the added ones or in the model alone."""
        return len(self.vocab()) if with_added else len(self._model.vocab)

    def added_tokens(self) -> list[tuple[int, str, bool, bool, bool, bool, bool]]:
        """(id, content, special, lstrip, rstrip, single_word, normalized) of each, by id."""
        return [
            (token.id, token.content, token.special, token.lstrip, token.rstrip, token.single_word, token.normalized)
            for _, token in sorted(self._added.by_id.items())
        ]

    def model_type(self) -> str:
        """BPE, WordPiece, WordLevel or Unigram."""
        names = {"Bpe": "BPE"}
        kind = type(self._model).__name__
        return names.get(kind, kind)

    def is_random(self) -> bool:
        """Whether the same text may become other tokens the next time."""
        return bool(self._file.get("model", {}).get("dropout"))

    def with_tokens(self, tokens: list[tuple[str, bool, bool, bool, bool, bool]]) -> tuple["PythonTokenizer", int]:
        """A tokenizer with more tokens, and how many changed; all of the file is read again."""
        names = ("content", "special", "lstrip", "rstrip", "single_word", "normalized")
        known = {entry["content"]: entry for entry in self._file.get("added_tokens") or ()}
        size = self.vocab_size(with_added=False)
        following = max([size, *(entry["id"] + 1 for entry in known.values())])
        changed = 0
        for token in tokens:
            entry = dict(zip(names, token, strict=True))
            before = known.get(token[0])
            id = before["id"] if before else self._model.vocab.get(token[0], following)
            # Decoding leaves out what was ever special.
            entry = {"id": id, **entry, "special": token[1] or bool(before and before["special"])}
            if not token[0] or before == entry:
                continue
            following += id == following
            changed += 1
            known[token[0]] = entry
        added = sorted(known.values(), key=lambda entry: entry["id"])
        return PythonTokenizer({**self._file, "added_tokens": added}), changed

    def stages(self) -> str:
        """The sections of its file around the model, as JSON."""
        return json.dumps({name: self._file.get(name) for name in _STAGES})

    def with_stages(self, stages: str) -> "PythonTokenizer":
        """A tokenizer with other sections; those that the JSON object lacks stay."""
        given = json.loads(stages)
        return PythonTokenizer({**self._file, **{name: given[name] for name in _STAGES if name in given}})


def _restored(data: str) -> PythonTokenizer:
    return PythonTokenizer(json.loads(data))


def _cut(text: Text, parts: Iterable[tuple[Any, Span]]) -> Iterable[Piece]:
    for found, (start, end) in parts:
        if start >= end:  # a token whose white space an earlier one took along with all the rest
            continue
        piece = text.cut(start, end)
        yield piece, None if found is None else Token(found.id, piece.chars, 0, len(piece.chars.encode()))


def _model(value: Any, *, seed: int | None) -> Model:
    """The model of a file; in older files the type follows from the keys."""
    if isinstance(value, dict) and "type" not in value:
        value = {**value, "type": _kind(value)}
    fields = Fields(value, "model")
    match fields.kind:
        case "BPE":
            model: Model = Bpe.of(fields, seed=seed)
        case "WordPiece":
            model = WordPiece.of(fields)
        case "Unigram":
            model = Unigram.of(fields)
        case "WordLevel":
            model = WordLevel.of(fields)
        case _:
            raise fields.unsupported("model")
    fields.done()
    return model


def _kind(value: dict[str, Any]) -> str:
    if "merges" in value:
        return "BPE"
    if "max_input_chars_per_word" in value:
        return "WordPiece"
    return "WordLevel" if isinstance(value.get("vocab"), dict) else "Unigram"
