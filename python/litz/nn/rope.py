"""Rotary position embeddings (Su et al., 2021): the tables of a pass, and the rotation of heads."""

from typing import NamedTuple

import torch
from torch import Tensor

from litz import spec


class Table(NamedTuple):
    """cos and sin of every position's angles, times the gain: (batch, 1, time, dim / 2)."""

    cos: Tensor
    sin: Tensor


def table(rope: spec.Rope, positions: Tensor, *, length: Tensor | int, dtype: torch.dtype) -> Table:
    """The angles of `positions` (batch, time), computed in float32 as the reference does.

    `length` is that of the longest sequence: LongRoPE takes its second set of frequencies above a limit.
    """
    frequencies = torch.tensor(rope.frequencies, dtype=torch.float32, device=positions.device)
    gain: Tensor | float = rope.gain
    if rope.long is not None:
        long = torch.tensor(rope.long.frequencies, dtype=torch.float32, device=positions.device)
        above = torch.as_tensor(length, device=positions.device) > rope.long.above
        frequencies = torch.where(above, long, frequencies)
        gain = torch.where(above, rope.long.gain, rope.gain)
    angles = positions[:, None, :, None].float() * frequencies
    return Table((angles.cos() * gain).to(dtype), (angles.sin() * gain).to(dtype))


def rotate(x: Tensor, rope: spec.Rope, angles: Table) -> Tensor:
    """The heads of x (batch, heads, time, head_dim) turned; dimensions past `rope.dim` stand still."""
    turned, rest = x[..., : rope.dim], x[..., rope.dim :]
    if rope.interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
    else:
        a, b = turned.chunk(2, -1)
    both = (a * angles.cos - b * angles.sin, b * angles.cos + a * angles.sin)
    made = torch.stack(both, -1).flatten(-2) if rope.interleaved else torch.cat(both, -1)
    return torch.cat((made, rest), -1) if rest.shape[-1] else made
