"""From the bytes of a piece, in which models count, to the characters of the original text, in which offsets do."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from litz.tokenizers.python_backend.model import Token
from litz.tokenizers.python_backend.text import Span, Text


class Places:
    """Where the bytes of an original text are."""

    def __init__(self, original: str) -> None:
        self._starts = _starts(original)

    def of(self, text: Text, tokens: Iterable[Token]) -> Iterator[Span]:
        """For each token of a piece the characters of the original that it covers: from where its first character came
        to where its last one did.
        """
        starts = _starts(text.chars)
        for token in tokens:
            if token.end > starts[-1]:
                yield self._beyond(token)
                continue
            first = bisect_right(starts, token.start) - 1
            last = bisect_right(starts, token.end - 1) - 1
            yield text.origins[first][0], text.origins[last][1]

    def characters(self, span: Span) -> Span:
        """A range of bytes of the original, in characters; a piece of a character is not in it."""
        start, end = span
        first = bisect_right(self._starts, start - 1) if start > 0 else 0
        return first, bisect_right(self._starts, end) - 1

    def _beyond(self, token: Token) -> Span:
        """A model may claim more bytes than the piece has: byte fallback counts the affixes too.

        The reference then takes the numbers for bytes of the original, and what lies beyond for the next character.
        """
        size = self._starts[-1]
        if token.start >= size:
            return token.start, token.end
        start = bisect_right(self._starts, token.start) - 1
        if token.end < size:
            return start, bisect_right(self._starts, token.end) - 1
        return start, (bisect_right(self._starts, token.end - 1) if token.end - 1 < size else start + 2)


def _starts(text: str) -> list[int]:
    """Where each character begins in UTF-8, and where the last one ends."""
    if text.isascii():
        return list(range(len(text) + 1))
    return list(accumulate((len(char.encode()) for char in text), initial=0))
