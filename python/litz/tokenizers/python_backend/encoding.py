"""The tokens of a text with their offsets, words and masks; how encodings are truncated, padded and joined."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from litz.errors import ArgumentError

Offsets = tuple[int, int]


@dataclass(eq=False)
class Encoding:
    """The tokens of a text in columns; the lists are equally long.

    `offsets` count characters of the text that the token came from; `word_ids` count its pieces, None for tokens that
    were put around it. `ranges` has the tokens of the first text (0) and of the second (1).
    """

    ids: list[int] = field(default_factory=list)
    type_ids: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    offsets: list[Offsets] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    special_tokens_mask: list[int] = field(default_factory=list)
    attention_mask: list[int] = field(default_factory=list)
    overflowing: list["Encoding"] = field(default_factory=list)
    ranges: dict[int, range] = field(default_factory=dict)

    @classmethod
    def around(cls, tokens: Iterable[tuple[int, str]], type_id: int) -> "Encoding":
        """Special tokens (id, name), which come from no text."""
        ids, names = [], []
        for id, name in tokens:
            ids.append(id)
            names.append(name)
        count = len(ids)
        return cls(ids, [type_id] * count, names, [(0, 0)] * count, [None] * count, [1] * count, [1] * count)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sequence_ids(self) -> list[int | None]:
        """Which text each token came from; None for tokens that were put around. With one text, all are 0."""
        found: list[int | None] = [None] * len(self)
        for sequence in range(max(1, len(self.ranges))):
            for at in self.ranges.get(sequence, range(len(self))):
                found[at] = sequence
        return found

    @property
    def n_sequences(self) -> int:
        """How many texts the tokens came from; 1 where `ranges` is empty."""
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

    def token_to_chars(self, token: int, /) -> Offsets | None:
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

    def word_to_tokens(self, word: int, sequence: int = 0, /) -> Offsets | None:
        """The tokens of a word."""
        found = []
        for token in self._range(sequence):
            of = self.word_ids[token]
            if of is not None and of > word:
                break
            if of == word:
                found.append(token)
        return (found[0], found[-1] + 1) if found else None

    def word_to_chars(self, word: int, sequence: int = 0, /) -> Offsets | None:
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
    ) -> "Encoding":
        """The same with its overflowing pieces, filled up to `width` tokens."""
        more = max(0, width - len(self))
        filler = Encoding.around([(pad_id, pad_token or "")] * more, pad_type_id)
        filler.attention_mask = [0] * more
        filled = filler._followed(self) if padding_side == "left" else self._followed(filler)
        filled.overflowing = [
            piece.padded(width, pad_id=pad_id, pad_type_id=pad_type_id, pad_token=pad_token, padding_side=padding_side)
            for piece in self.overflowing
        ]
        return filled

    def add(self, id: int, name: str, offsets: Offsets, word: int | None) -> None:
        """One more token of a text."""
        self.ids.append(id)
        self.type_ids.append(0)
        self.tokens.append(name)
        self.offsets.append(offsets)
        self.word_ids.append(word)
        self.special_tokens_mask.append(0)
        self.attention_mask.append(1)

    def set_type(self, type_id: int) -> None:
        """All tokens belong to this segment; overflowing pieces keep theirs."""
        self.type_ids = [type_id] * len(self)

    def set_sequence(self, sequence: int) -> None:
        """All tokens came from this text."""
        self.ranges[sequence] = range(len(self))

    def _columns(self) -> tuple[list[Any], ...]:
        """The lists."""
        return (
            self.ids, self.type_ids, self.tokens, self.offsets, self.word_ids, self.special_tokens_mask,
            self.attention_mask,
        )  # fmt: skip

    def part(self, start: int, end: int) -> "Encoding":
        """Some of the tokens; without the text that they came from."""
        columns: tuple[Any, ...] = tuple(column[start:end] for column in self._columns())
        return Encoding(*columns)

    def truncated(self, length: int, *, stride: int, side: str) -> "Encoding":
        """At most `length` tokens; the rest overflows in pieces of that length, each of which repeats `stride` tokens.

        Cut on the right, windows go from the beginning to the end; cut on the left, from the end to the beginning.
        """
        if length >= len(self):
            return self
        if length == 0:
            return Encoding(overflowing=[self])
        if stride >= length:
            raise ArgumentError(f"stride is {stride}, but only {length} tokens of a text are kept; it must be smaller")
        step, windows, end = length - stride, [], len(self)
        for moved in range(0, end, step):
            first, last = (moved, min(moved + length, end)) if side == "right" else (
                max(0, end - moved - length), end - moved)  # fmt: skip
            windows.append(self.part(first, last))
            if (last == end) if side == "right" else (first == 0):
                break
        windows[0].overflowing = windows[1:]
        return windows[0]

    def joined(self, other: "Encoding") -> "Encoding":
        """This and then the other. Each overflowing piece is joined with the other, and with its overflowing pieces."""
        overflowing = [
            mine._followed(theirs) for mine in self.overflowing for theirs in [other, *other.overflowing]
        ] + [self._followed(theirs) for theirs in other.overflowing]
        return replace(self._followed(other), overflowing=overflowing)

    def _followed(self, other: "Encoding") -> "Encoding":
        shifted = {
            sequence: range(len(self) + place.start, len(self) + place.stop) for sequence, place in other.ranges.items()
        }
        pairs = zip(self._columns(), other._columns(), strict=True)
        columns: tuple[Any, ...] = tuple(mine + theirs for mine, theirs in pairs)
        whole = Encoding(*columns)
        whole.ranges = self.ranges | shifted
        return whole


def joined(encodings: Iterable[Encoding]) -> Encoding:
    """Several encodings, one after the other."""
    whole = Encoding()
    for encoding in encodings:
        whole = whole.joined(encoding)
    return whole


def truncated(encodings: list[Encoding], length: int, *, stride: int, strategy: str, side: str) -> list[Encoding]:
    """One text or two, of together at most `length` tokens.

    "longest_first" takes from the longer of two, and when both are too long it leaves each half; the others take from
    one of the two alone.
    """
    counts = [len(encoding) for encoding in encodings]
    excess = sum(counts) - length
    if length == 0:
        kept = [0] * len(counts)
    elif excess <= 0:
        kept = counts
    elif strategy == "longest_first":
        kept = _shared(counts, length)
    else:
        kept = _one_shorter(counts, excess, which=0 if strategy == "only_first" else 1)
    return [
        encoding.truncated(count, stride=stride, side=side) for encoding, count in zip(encodings, kept, strict=True)
    ]


def _shared(counts: list[int], length: int) -> list[int]:
    if len(counts) == 1:
        return [length]
    shorter, longer = sorted(counts)
    longer = max(shorter, length - shorter) if shorter <= length else shorter
    if shorter + longer > length:
        shorter, longer = length // 2, length // 2 + length % 2
    return [longer, shorter] if counts[0] > counts[1] else [shorter, longer]


def _one_shorter(counts: list[int], excess: int, *, which: int) -> list[int]:
    if which >= len(counts):
        raise ArgumentError("truncation='only_second' needs a second text")
    if counts[which] <= excess:
        raise ArgumentError(f"{excess} tokens are too many, but the text to cut has only {counts[which]}")
    kept = list(counts)
    kept[which] -= excess
    return kept
