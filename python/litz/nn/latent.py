"""Attention whose keys and values are products of one latent vector a token. DeepSeek-V2, 2024."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from litz import spec
from litz.errors import UnsupportedError
from litz.nn import rope
from litz.nn.context import Context
from litz.nn.norm import Norm
from litz.nn.scores import Scores, attend
from litz.nn.shapes import split


class Matrix(nn.Module):
    """A weight that is used head by head."""

    def __init__(self, rows: int, cols: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, cols))


class Latent(nn.Module):
    """Multi-head latent attention. The cache holds the normed latent and the rotated key that all heads share."""

    mask: int
    rotation: int | None

    def __init__(self, latent: spec.Latent, width: int, *, layer: int) -> None:
        super().__init__()
        if latent.index is not None or latent.sinks or latent.temper is not None:
            raise UnsupportedError("the torch executor does not run latent attention with an indexer, sinks or temper")
        m, self.layer = latent, layer
        self.spec = m
        a = "a" in m.bias
        self.q_in = nn.Linear(width, m.q_rank, bias=a) if m.q_rank is not None else None
        self.q_norm = Norm(m.q_norm, m.q_rank) if m.q_norm and m.q_rank is not None else None
        self.q = nn.Linear(width if m.q_rank is None else m.q_rank, m.heads * (m.nope_dim + m.rope_dim), bias=False)
        self.kv = nn.Linear(width, m.rank, bias=a)
        self.kv_norm = Norm(m.kv_norm, m.rank) if m.kv_norm else None
        self.k_rope = nn.Linear(width, m.rope_dim, bias=a) if m.rope_dim else None
        self.k_up = Matrix(m.heads * m.nope_dim, m.rank)
        self.v_up = Matrix(m.heads * m.value_dim, m.rank)
        self.o = nn.Linear(m.heads * m.value_dim, width, bias="o" in m.bias)
        gates = m.heads * (m.value_dim if m.gate == "channel" else 1)
        self.gate = nn.Linear(width, gates, bias=False) if m.gate else None

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(batch, time, width) to the same."""
        m = self.spec
        low = x if self.q_in is None else self.q_in(x)
        if self.q_norm is not None:
            low = self.q_norm(low)
        query = split(self.q(low), m.heads, -1).transpose(1, 2)  # (batch, heads, time, nope + rope)
        latent = self.kv(x)
        latent = (latent if self.kv_norm is None else self.kv_norm(latent))[:, None]  # (batch, 1, time, rank)
        still, turning = torch.split(query, [m.nope_dim, m.rope_dim], -1)
        shared = x.new_empty(len(x), 1, x.shape[1], 0) if self.k_rope is None else self.k_rope(x)[:, None]
        if m.rope is not None and self.rotation is not None:
            angles = context.rotations[self.rotation]
            turning, shared = rope.rotate(turning, m.rope, angles), rope.rotate(shared, m.rope, angles)
        if context.cache is not None:
            shared, latent = context.cache.append(self.layer, shared, latent)
        made = self._attend(still, turning, latent, shared, context).transpose(1, 2).flatten(2)
        if self.gate is not None:
            gates = torch.sigmoid(self.gate(x))
            made = made * (gates if m.gate == "channel" else gates.repeat_interleave(m.value_dim, -1))
        return cast(Tensor, self.o(made))

    def _attend(self, still: Tensor, turning: Tensor, latent: Tensor, shared: Tensor, context: Context) -> Tensor:
        """The heads' values, (batch, heads, time, value_dim), from expanded keys and values."""
        m = self.spec
        keys = latent @ self.k_up.weight.view(1, m.heads, m.nope_dim, m.rank).transpose(-1, -2)
        keys = torch.cat((keys, shared.expand(-1, m.heads, -1, -1)), -1)
        values = latent @ self.v_up.weight.view(1, m.heads, m.value_dim, m.rank).transpose(-1, -2)
        query, mask = torch.cat((still, turning), -1), context.masks[self.mask]
        return attend(query, keys, values, Scores(m.scale, mask, causal=context.causal), context)
