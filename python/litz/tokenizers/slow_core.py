"""The slow tokenizer with all that the object that programs hold asks of a core: `use_fast=False`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import token_id
from litz.tokenizers import slow
from litz.tokenizers.core import Ranges, Text
from litz.tokenizers.slow.encoding import Encoding

Span = tuple[int, int]
_STAGES = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")


class SlowEncoding(Encoding):
    """An encoding of the slow tokenizer that finds places."""

    @classmethod
    def of(cls, encoding: Encoding) -> "SlowEncoding":
        """The same, with its overflowing pieces."""
        told = {each.name: getattr(encoding, each.name) for each in fields(Encoding)}
        return cls(**{**told, "overflowing": [cls.of(piece) for piece in encoding.overflowing]})

    @property
    def n_sequences(self) -> int:
        """How many texts the tokens came from; 1 where nothing says it."""
        return max(1, len(self.ranges))

    def _range(self, sequence: int) -> range:
        return self.ranges.get(sequence, range(len(self)))

    def token_to_sequence(self, token: int, /) -> int | None:
        """Which text a token came from."""
        if token > len(self):
            return None
        if not self.ranges:
            return 0
        return next((sequence for sequence, tokens in sorted(self.ranges.items()) if token in tokens), None)

    def token_to_chars(self, token: int, /) -> Span | None:
        """The characters of a token."""
        known = self.token_to_sequence(token) is not None and token < len(self)
        return self.offsets[token] if known else None

    def token_to_word(self, token: int, /) -> int | None:
        """The word of a token."""
        known = self.token_to_sequence(token) is not None and token < len(self)
        return self.word_ids[token] if known else None

    def char_to_token(self, char: int, sequence: int = 0, /) -> int | None:
        """The first token that holds a character."""
        spans = ((token, *self.offsets[token]) for token in self._range(sequence))
        return next((token for token, start, end in spans if start <= char < end), None)

    def char_to_word(self, char: int, sequence: int = 0, /) -> int | None:
        """The word that holds a character."""
        token = self.char_to_token(char, sequence)
        return None if token is None else self.token_to_word(token)

    def word_to_tokens(self, word: int, sequence: int = 0, /) -> Span | None:
        """The tokens of a word."""
        found = []
        for token in self._range(sequence):
            of = self.word_ids[token]
            if of is not None and of > word:
                break
            if of == word:
                found.append(token)
        return (found[0], found[-1] + 1) if found else None

    def word_to_chars(self, word: int, sequence: int = 0, /) -> Span | None:
        """The characters of a word."""
        tokens = self.word_to_tokens(word, sequence)
        return None if tokens is None else (self.offsets[tokens[0]][0], self.offsets[tokens[1] - 1][1])

    def padded(
        self,
        width: int,
        *,
        pad_id: int,
        pad_type_id: int = 0,
        pad_token: str | None = None,
        padding_side: str = "right",
    ) -> "SlowEncoding":
        """The same with its overflowing pieces, filled up to `width` tokens."""
        more = max(0, width - len(self))
        left = padding_side == "left"
        name = "" if pad_token is None else pad_token
        filler = SlowEncoding(
            [pad_id] * more, [pad_type_id] * more, [name] * more, [(0, 0)] * more, [None] * more, [1] * more, [0] * more
        )
        first, second = (filler, self) if left else (self, filler)
        shift = more if left else 0
        pieces = [
            piece.padded(width, pad_id=pad_id, pad_type_id=pad_type_id, pad_token=pad_token, padding_side=padding_side)
            for piece in map(SlowEncoding.of, self.overflowing)
        ]
        return SlowEncoding(
            first.ids + second.ids, first.type_ids + second.type_ids, first.tokens + second.tokens,
            first.offsets + second.offsets, first.word_ids + second.word_ids,
            first.special_tokens_mask + second.special_tokens_mask, first.attention_mask + second.attention_mask,
            list(pieces), {of: range(span.start + shift, span.stop + shift) for of, span in self.ranges.items()},
        )  # fmt: skip


class SlowCore(slow.Tokenizer):
    """The slow tokenizer as a core."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.to_json(),)

    def encode_full(
        self,
        text: Text,
        pair: Text | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        stride: int = 0,
        strategy: str = "longest_first",
        truncation_side: str = "right",
        trusted: Ranges | None = None,
    ) -> SlowEncoding:
        """All that is known of the tokens of a text or of two."""
        if trusted and (pair is not None or not isinstance(text, str)):
            raise ArgumentError("the slow tokenizer reads special tokens as text in a single text only")
        encoding = super().encode_full(
            text, pair, add_special_tokens=add_special_tokens, max_length=max_length, stride=stride, strategy=strategy,
            truncation_side=truncation_side, trusted=trusted,
        )  # fmt: skip
        return SlowEncoding.of(encoding)

    def encode_full_batch(  # type: ignore[override]
        self,
        texts: Sequence[Text],
        pairs: Sequence[Text] | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        stride: int = 0,
        strategy: str = "longest_first",
        truncation_side: str = "right",
        trusted: Sequence[Ranges | None] | None = None,
    ) -> list[SlowEncoding]:
        """The same for many texts."""
        others: Sequence[Text | None] = [None] * len(texts) if pairs is None else pairs
        ranges: Sequence[Ranges | None] = [None] * len(texts) if trusted is None else trusted
        return [
            self.encode_full(
                text, pair, add_special_tokens=add_special_tokens, max_length=max_length, stride=stride,
                strategy=strategy, truncation_side=truncation_side, trusted=spans,
            )
            for text, pair, spans in zip(texts, others, ranges, strict=True)
        ]  # fmt: skip

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

    def model_type(self) -> str:
        """BPE, WordPiece, WordLevel or Unigram."""
        names = {"Bpe": "BPE"}
        kind = type(self._model).__name__
        return names.get(kind, kind)

    def is_random(self) -> bool:
        """Whether the same text may become other tokens the next time."""
        return bool(self._file.get("model", {}).get("dropout"))

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of ids, each of which must be one."""
        return super().decode([token_id(id, "decode") for id in ids], skip_special_tokens)

    def id_to_token(self, id: int) -> str | None:
        """The token of an id, or None."""
        return super().id_to_token(token_id(id, "ids"))

    def decode_tokens(self, tokens: list[str]) -> str:
        """The text that tokens spell."""
        return self._decoder.text(tokens)

    def with_tokens(self, tokens: list[tuple[str, bool, bool, bool, bool, bool]]) -> tuple["SlowCore", int]:
        """A core with more tokens, and how many changed; all of the file is read again."""
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
        return SlowCore({**self._file, "added_tokens": added}), changed

    def stages(self) -> str:
        """The sections of its file around the model, as JSON."""
        return json.dumps({name: self._file.get(name) for name in _STAGES})

    def with_stages(self, stages: str) -> "SlowCore":
        """A core with other sections; those that the JSON object lacks stay."""
        given = json.loads(stages)
        return SlowCore({**self._file, **{name: given[name] for name in _STAGES if name in given}})


def _restored(data: str) -> SlowCore:
    return SlowCore(json.loads(data))
