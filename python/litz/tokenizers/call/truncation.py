"""Truncation: the strategy that the argument names, the limit of rows, and truncated lists of ids."""

from typing import Any, Literal

from litz.errors import ArgumentError
from litz.numbers import MOST
from litz.tokenizers.defaults import Defaults, is_unlimited

Ids = list[int]
Strategy = Literal["longest_first", "only_first", "only_second"]
STRATEGIES: tuple[Strategy, ...] = ("longest_first", "only_first", "only_second")


def strategy_of(truncation: Any) -> Strategy | None:
    """The strategy that the argument `truncation` names."""
    truncation = getattr(truncation, "value", truncation)  # transformers' TruncationStrategy
    if truncation in (False, None, "do_not_truncate"):
        return None
    if truncation is True:
        return "longest_first"
    for strategy in STRATEGIES:
        if truncation == strategy:
            return strategy
    raise ArgumentError(f"truncation is {truncation!r}; expected True, False or one of {', '.join(STRATEGIES)}")


def longest(defaults: Defaults, max_length: int | None) -> int:
    """The most tokens of a row: `max_length`, or the model's limit."""
    if max_length is not None:
        return max_length
    if is_unlimited(defaults.model_max_length):
        raise ArgumentError("padding='max_length' needs max_length: this tokenizer has no limit of its own")
    return min(defaults.model_max_length, MOST)


def truncated(
    first: Ids, second: Ids | None, remove: int, *, strategy: Strategy, stride: int, side: str
) -> tuple[Ids, Ids | None, Ids]:
    """Two lists of ids with `remove` ids less, and what was cut off with `stride` ids before it.

    What two lists lose by longest_first is not returned: it is not one piece.
    """
    if remove <= 0:
        return first, second, []
    if strategy == "only_second":
        if second is None:
            raise ArgumentError("truncation is only_second, but there is no second text; use only_first")
        kept, cut = _cut(second, remove, stride, side)
        return first, kept, cut
    if strategy == "only_first" or second is None:
        kept, cut = _cut(first, remove, stride, side)
        return kept, second, cut
    longer = min(abs(len(first) - len(second)), remove)
    both = remove - longer
    if len(first) > len(second):
        lost = longer + both // 2, both - both // 2
    else:
        lost = both // 2, longer + both - both // 2
    return _cut(first, lost[0], 0, side)[0], _cut(second, lost[1], 0, side)[0], []


def _cut(ids: Ids, remove: int, stride: int, side: str) -> tuple[Ids, Ids]:
    window = min(len(ids), stride + remove)
    remove = min(len(ids), remove)
    if side == "left":
        return ids[remove:], ids[:window]
    return ids[: len(ids) - remove], ids[len(ids) - window :]
