"""The last axis as two, typed."""

from torch import Tensor


def split(x: Tensor, first: int, second: int) -> Tensor:
    """(..., first * second) as (..., first, second); one of them may be -1."""
    return x.reshape(*x.shape[:-1], first, second)
