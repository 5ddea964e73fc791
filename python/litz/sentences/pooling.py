"""Hidden states of tokens to one vector a text."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pool = Callable[[Floats], Floats]


def _first(states: "Floats") -> "Floats":
    first: Floats = states[0]
    return first


def _last(states: "Floats") -> "Floats":
    last: Floats = states[-1]
    return last


def _greatest(states: "Floats") -> "Floats":
    greatest: Floats = states.max(axis=0)
    return greatest


def _mean(states: "Floats") -> "Floats":
    mean: Floats = states.mean(axis=0)
    return mean


def _mean_of_root(states: "Floats") -> "Floats":
    """The sum over the square root of the count: longer texts get longer vectors."""
    return _mean(states) * states.dtype.type(len(states) ** 0.5)


def _weighted_mean(states: "Floats") -> "Floats":
    """Later tokens count more: by 1, 2, 3 …; Muennighoff, 2022."""
    import numpy as np

    weights = np.arange(1, len(states) + 1, dtype=states.dtype)
    mean: Floats = (weights @ states) / weights.sum()
    return mean


# The names of sentence-transformers, in the order in which several are joined -> (tokens, width) to (width,)
MODES: Mapping[str, "Pool"] = {
    "cls": _first,
    "max": _greatest,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_of_root,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}


def pooled(states: "Floats", lengths: list[int], *, modes: tuple[str, ...], skip: int = 0) -> "Floats":
    """(rows, width times modes) of (tokens, width), whose rows have these lengths.

    The first `skip` tokens of each row, a prompt's, are left out where more follow.
    """
    import numpy as np

    rows: list[Floats] = []
    start = 0
    for length in lengths:
        own = states[start + (skip if skip < length else 0) : start + length]
        rows.append(np.concatenate([MODES[mode](own) for mode in modes]))
        start += length
    return np.stack(rows)
