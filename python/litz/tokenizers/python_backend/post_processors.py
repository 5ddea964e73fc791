"""Post-processors: the special tokens around one text or two, and the trimming of offsets.

Each is a step from a list of encodings to another; the encodings of the last step are joined. Inside a Sequence a step
may get encodings that an earlier step added: only there are lists of three or more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litz.errors import FormatError, UnsupportedError
from litz.tokenizers.python_backend import byte_alphabet
from litz.tokenizers.python_backend.encoding import Encoding, joined
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.unicode import WHITE_SPACE, character_class

Special = tuple[int, str]


@dataclass(frozen=True)
class Step:
    """One post-processor: what it does, and how many tokens it adds to one text and to two."""

    apply: Callable[[list[Encoding], bool], list[Encoding]]  # (encodings, add special tokens)
    added: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class PostProcessor:
    """The post-processor of a file."""

    steps: tuple[Step, ...]
    absent: bool

    @classmethod
    def of(cls, value: Any, path: str) -> "PostProcessor":
        """Reads the file's `post_processor`."""
        return cls((), absent=True) if value is None else cls(tuple(_steps(value, path)), absent=False)

    def added(self, *, pair: bool) -> int:
        """How many tokens it adds."""
        return sum(step.added[pair] for step in self.steps)

    def process(self, encodings: list[Encoding], *, add_special_tokens: bool) -> Encoding:
        """The encodings of one text or two, made one."""
        if self.absent and len(encodings) == 1:
            return encodings[0]
        for sequence, encoding in enumerate(encodings):
            for part in [encoding] if self.absent else [encoding, *encoding.overflowing]:
                part.set_sequence(sequence)
            for part in [encoding, *encoding.overflowing]:
                part.set_type(sequence)
        for step in self.steps:
            encodings = step.apply(encodings, add_special_tokens)
        return joined(encodings)


def _steps(value: Any, path: str) -> list[Step]:
    fields = Fields(value, path)
    match fields.kind:
        case "Sequence":
            steps = [step for part, place in fields.parts("processors") for step in _steps(part, place)]
        case "ByteLevel":
            steps = [_byte_level(fields)]
        case "TemplateProcessing":
            steps = [_template(fields)]
        case "BertProcessing":
            steps = [_bert(fields)]
        case "RobertaProcessing":
            steps = [_roberta(fields)]
        case _:
            raise fields.unsupported("post-processor")
    fields.done()
    return steps


def _each(encodings: list[Encoding], change: Callable[[Encoding], None]) -> None:
    for encoding in encodings:
        for part in [encoding, *encoding.overflowing]:
            change(part)


def _byte_level(fields: Fields) -> Step:
    """Offsets without the spaces that byte-level tokens begin with."""
    prefixed, trims = fields.flag("add_prefix_space"), fields.flag("trim_offsets")
    fields.flag("use_regex", True)  # for the pre-tokenizer

    def apply(encodings: list[Encoding], special: bool) -> list[Encoding]:
        if trims:
            _each(encodings, lambda encoding: trim(encoding, prefixed=prefixed))
        for sequence, encoding in enumerate(encodings):
            encoding.set_sequence(sequence)
        return encodings

    return Step(apply)


def trim(encoding: Encoding, *, prefixed: bool) -> None:
    """Excludes the white space at a token's ends from its offsets.

    With a prefix space, a single one at the beginning of the text was never there, and its token begins where it does.
    """
    for at, (token, (start, end)) in enumerate(zip(encoding.tokens, encoding.offsets, strict=True)):
        leading, trailing = _blanks(token), _blanks(token[::-1])
        if prefixed and leading == 1 and (at == 0 or start == 0):
            leading = 0
        start = min(start + leading, end) if leading else start
        if trailing and end >= trailing:
            end = max(end - trailing, start)
        encoding.offsets[at] = (start, end)


def _blanks(token: str) -> int:
    """How many blanks a token begins with, as characters or in the byte alphabet."""
    blank = character_class(WHITE_SPACE)
    return next((at for at, char in enumerate(token) if char != byte_alphabet.SPACE and char not in blank), len(token))


def _template(fields: Fields) -> Step:
    """Any arrangement: `[CLS] $A [SEP] $B:1 [SEP]:1`, where the number is the segment."""
    specials: dict[str, list[Special]] = {}
    for name, value in fields.get("special_tokens", {}).items():
        token = Fields(value, f"{fields.path}.special_tokens[{name!r}]")
        specials[name] = list(zip(token.get("ids", []), token.get("tokens", []), strict=True))
    single, pair = (_pieces(fields, key, specials) for key in ("single", "pair"))

    def apply(encodings: list[Encoding], special: bool) -> list[Encoding]:
        if len(encodings) > 2:
            raise UnsupportedError(f"{fields.path}: a template after one that has already put tokens around")
        out = []
        for sequence, tokens, type_id in pair if len(encodings) == 2 else single:
            if sequence is None:
                out += [Encoding.around(tokens, type_id)] if special else []
            else:
                if sequence >= len(encodings):
                    raise FormatError(f"{fields.path}.single: found $B, expected only $A")
                encodings[sequence].set_type(type_id)
                encodings[sequence].set_sequence(sequence)
                out.append(_copy(encodings[sequence]))
        return out

    counts = [sum(len(tokens) for _, tokens, _ in pieces) for pieces in (single, pair)]
    return Step(apply, (counts[0], counts[1]))


def _copy(encoding: Encoding) -> Encoding:
    copy = joined([encoding])
    copy.overflowing = [joined([part]) for part in encoding.overflowing]
    return copy


Piece = tuple[int | None, list[Special], int]  # a text, or None and tokens; and the segment


def _pieces(fields: Fields, key: str, specials: dict[str, list[Special]]) -> list[Piece]:
    pieces: list[Piece] = []
    for value, path in fields.parts(key):
        piece = Fields(value, path)
        sequence, special = piece.get("Sequence"), piece.get("SpecialToken")
        inner = Fields(sequence if special is None else special, path)
        name, type_id = inner.text("id"), inner.count("type_id")
        if special is None:
            pieces.append(({"A": 0, "B": 1}[name], [], type_id))
        elif name in specials:
            pieces.append((None, specials[name], type_id))
        else:
            raise FormatError(f"{path}: {name!r} is not among special_tokens")
    return pieces


def _special(fields: Fields, key: str) -> Special:
    value = fields.get(key)
    if not isinstance(value, list) or len(value) != 2:
        raise FormatError(f"{fields.path}.{key}: found {value!r}, expected a token and its id")
    return int(value[1]), str(value[0])


def _bert(fields: Fields) -> Step:
    """`[CLS] A [SEP]`, and of two texts `[CLS] A [SEP] B [SEP]`."""
    cls, sep = _special(fields, "cls"), _special(fields, "sep")

    def apply(encodings: list[Encoding], special: bool) -> list[Encoding]:
        if not special:
            return encodings
        first = _surrounded(encodings[0], 0, (cls, sep), type_id=0)
        return [first, *(_surrounded(other, 1, (None, sep), type_id=1) for other in encodings[1:])]

    return Step(apply, (2, 3))


def _roberta(fields: Fields) -> Step:
    """`<s> A </s>`, and of two texts `<s> A </s></s> B </s>`; all are one segment."""
    cls, sep = _special(fields, "cls"), _special(fields, "sep")
    trims, prefixed = fields.flag("trim_offsets"), fields.flag("add_prefix_space")

    def apply(encodings: list[Encoding], special: bool) -> list[Encoding]:
        if trims:
            _each(encodings, lambda encoding: trim(encoding, prefixed=prefixed))
        for encoding in encodings:
            encoding.set_type(0)
        if not special:
            return encodings
        _each(encodings, lambda encoding: encoding.set_type(0))
        first = _surrounded(encodings[0], 0, (cls, sep), type_id=0)
        return [first, *(_surrounded(other, 1, (sep, sep), type_id=0) for other in encodings[1:])]

    return Step(apply, (2, 4))


def _surrounded(encoding: Encoding, sequence: int, tokens: tuple[Special | None, Special], *, type_id: int) -> Encoding:
    """An encoding and each of its overflowing pieces between special tokens; nothing inside counts as special."""
    before, after = (Encoding.around([token] if token else [], type_id) for token in tokens)

    def around(part: Encoding) -> Encoding:
        inner = part.part(0, len(part))
        inner.special_tokens_mask = [0] * len(part)
        inner.attention_mask = [1] * len(part)
        inner.set_sequence(sequence)
        return joined([before, inner, after])

    whole = around(encoding)
    whole.overflowing = [around(part) for part in encoding.overflowing]
    return whole
