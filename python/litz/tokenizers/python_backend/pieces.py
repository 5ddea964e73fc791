"""Cutting a text at matches: the five things that can become of a match."""

from collections.abc import Callable, Iterable, Iterator

from litz.tokenizers.python_backend.text import Span, Text
from litz.tokenizers.python_backend.unicode import CharacterClass

BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")

Part = tuple[Span, bool]  # a range, and whether it is a match
Joins = Callable[[bool, bool], bool]  # of a part and the one before it: whether each is a match


def parts(text: str, matches: Iterable[Span], *, invert: bool = False) -> list[Part]:
    """The matches and what is between them, in order; inverted, each is the other."""
    out: list[Part] = []
    last = 0
    for start, end in matches:
        if start != last:
            out.append(((last, start), invert))
        out.append(((start, end), not invert))
        last = end
    if last != len(text):
        out.append(((last, len(text)), invert))
    return out


def single(text: str, wanted: CharacterClass | str) -> Iterator[Span]:
    """Each character of a class, or each that is in a string."""
    return ((at, at + 1) for at, char in enumerate(text) if char in wanted)


def split(text: Text, found: list[Part], behavior: str) -> list[Text]:
    """The pieces of a text. For the-final--countdown and matches of "-":

    Removed              the  final  countdown
    Isolated             the  -  final  -  -  countdown
    MergedWithPrevious   the-  final-  -  countdown
    MergedWithNext       the  -final  -  -countdown
    Contiguous           the  -  final  --  countdown
    """
    if behavior == "Removed":
        spans = [span for span, matched in found if not matched]
    elif behavior == "Isolated":
        spans = [span for span, _ in found]
    elif behavior == "Contiguous":
        spans = _joined(found, joins=lambda matched, before: matched == before)
    elif behavior == "MergedWithPrevious":
        spans = _joined(found, joins=lambda matched, before: matched and not before)
    else:
        mirrored = [((-end, -start), matched) for (start, end), matched in reversed(found)]
        spans = [
            (-end, -start)
            for start, end in reversed(_joined(mirrored, joins=lambda matched, before: matched and not before))
        ]
    return [text.cut(start, end) for start, end in spans if start < end]


def _joined(found: list[Part], *, joins: Joins) -> list[Span]:
    """The ranges, with those that join the one before them made one with it."""
    spans: list[Span] = []
    before = False
    for (start, end), matched in found:
        if spans and joins(matched, before):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        before = matched
    return spans
