"""Which keys a query sees, and the biases of scores that follow from distances."""

import math

import torch
from torch import Tensor

from litz import spec


def visible(mask: spec.Mask, queries: Tensor, keys: Tensor, *, groups: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """(batch, 1, queries, keys), true where a key is seen. `queries` and `keys` are positions, (batch, time).

    `groups` are the groups of queries and keys, -1 for none.
    """
    distance = queries[:, :, None] - keys[:, None, :]
    seen = distance >= 0 if mask.causal else torch.ones_like(distance, dtype=torch.bool)
    if mask.groups and groups is not None:
        same = (groups[0][:, :, None] == groups[1][:, None, :]) & (groups[0][:, :, None] >= 0)
        seen = seen | same if mask.causal else seen & same
    if mask.window is not None:
        left, right = mask.window if isinstance(mask.window, tuple) else (mask.window, mask.window)
        seen = seen & (distance < left)
        if not mask.causal:
            seen = seen & (-distance < right)
    if mask.chunk is not None:
        seen = seen & (queries[:, :, None] // mask.chunk == keys[:, None, :] // mask.chunk)
    return seen[:, None]


def alibi(bias: spec.Alibi, queries: Tensor, keys: Tensor, dtype: torch.dtype) -> Tensor:
    """(batch, heads, queries, keys): a slope times the distance, or minus its absolute value for keys ahead."""
    slopes = torch.tensor(bias.slopes, dtype=dtype, device=queries.device)
    distance = (keys[:, None, None, :] - queries[:, None, :, None]).to(dtype)
    return slopes[None, :, None, None] * -distance.abs()


def buckets(bias: spec.Buckets, queries: Tensor, keys: Tensor) -> Tensor:
    """The bucket of every distance, (batch, queries, keys): exact ones for near keys, logarithmic ones beyond."""
    offset = keys[:, None, :] - queries[:, :, None]
    count, first = bias.count, torch.zeros_like(offset)
    if bias.two_way:
        count //= 2
        first = (offset > 0) * count
        offset = offset.abs()
    else:
        offset = -offset.clamp(max=0)
    exact = count // 2
    scale = (count - exact) / math.log(bias.distance / exact)
    far = exact + (torch.log(offset.clamp(min=1).float() / exact) * scale).long()
    return first + torch.where(offset < exact, offset, far.clamp(max=count - 1))
