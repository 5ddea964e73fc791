"""Untrusted text never produces special tokens.

Added tokens are looked for inside the trusted ranges of the text. Two things are left: where those ranges are once the
text is normalized, and models whose vocabulary has a special token as a word, which must not find it in a piece.
"""

from collections.abc import Collection, Iterator, Sequence

from litz.tokenizers.python_backend.text import Span, Text


def trusted_spans(text: Text, trusted: Sequence[Span]) -> list[Span]:
    """The stretches of a text whose characters come from within one of the `trusted` ranges of the original."""
    found: list[tuple[int, int, int]] = []  # the range that it is in, from, to
    for at, (start, end) in enumerate(text.origins):
        place = next((i for i, (first, last) in enumerate(trusted) if first <= start and end <= last), None)
        if place is None:
            continue
        if found and found[-1][0] == place and found[-1][2] == at:
            found[-1] = (place, found[-1][1], at + 1)
        else:
            found.append((place, at, at + 1))
    return [(start, end) for _, start, end in found]


def split_specials(piece: str, spelled: Collection[str]) -> Iterator[str]:
    """A piece cut after the first character of every text of `spelled` in it, so that no part has one of them."""
    last = 0
    for at in range(len(piece)):
        if any(piece.startswith(text, at) for text in spelled):
            yield piece[last : at + 1]
            last = at + 1
    if last < len(piece):
        yield piece[last:]
