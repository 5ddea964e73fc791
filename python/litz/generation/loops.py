"""Detects loops: exact repetition of a span at the end of an answer."""

from collections.abc import Sequence

LONGEST = 256  # pieces of a span that is looked for
# Shorter repetitions also occur in tables, refrains and requested repetitions.
ENOUGH = 96
ENOUGH_SIMPLE = 256  # for spans of at most one word: laughter, separators, empty tables, zeros, digits
COPIES = 4  # of the span, after the first one
ALWAYS_ENOUGH = 384  # also where that is fewer copies

_AFTER_NUMBER = (".", ")", ":")


def looping_span(pieces: Sequence[str]) -> int | None:
    """The length of the shortest span that `pieces` (the texts of tokens) end with again and again, or None.

    A span loops when what follows its first copy repeats it exactly for 96 pieces and four copies (256 pieces where the
    span has less than two different words); 384 are always enough. Where nothing repeats this costs at most 256
    comparisons, so that it may be called after every token.
    """
    last = pieces[-1] if pieces else ""
    for period in range(1, min(LONGEST, len(pieces) - 1) + 1):
        if pieces[-1 - period] == last and _repeats(pieces, period, length=max(ENOUGH, COPIES * period)):
            # The other periods of such an end are multiples of this one.
            looping = _worded(pieces[-period:]) or _repeats(pieces, period, length=ENOUGH_SIMPLE)
            return period if looping else None
    return None


def _repeats(pieces: Sequence[str], period: int, *, length: int) -> bool:
    """Whether the last pieces, as many as `length` says, are those that stand one period earlier."""
    start = len(pieces) - min(length, ALWAYS_ENOUGH)
    return start >= period and pieces[start:] == pieces[start - period : -period]


def _worded(span: Sequence[str]) -> bool:
    """Whether a span has two different words or more."""
    return len({piece.strip() for piece in span if any(map(str.isalpha, piece))}) > 1


class LoopWatch:
    """Follows one answer; the number before an item of a list counts as no difference."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._number = ""  # digits at the beginning of a line, until it is known whether a list's mark follows
        self._at_start = True

    def add(self, piece: str) -> int | None:
        """Takes the text of the next token; the length of the span in which the answer loops by now, or None."""
        mark = piece.strip()
        if self._at_start and mark.isdigit():
            self._number += mark
            return None
        if self._number:
            self._pieces.append("1" if mark.startswith(_AFTER_NUMBER) else self._number)
            self._number = ""
        self._pieces.append(piece)
        self._at_start = piece.endswith("\n")
        return looping_span(self._pieces)
