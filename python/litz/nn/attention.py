"""Softmax attention over keys and values."""

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


class Attention(nn.Module):
    """Attention of one layer. The tower says which of a pass's masks, rotations and biases are its own."""

    mask: int
    rotation: int | None
    bias: int | None

    def __init__(self, attention: spec.Attention, width: int, memory_width: int, *, layer: int) -> None:
        super().__init__()
        if attention.temper is not None or attention.memory == "joined":
            raise UnsupportedError("the torch executor does not run attention with temper or with a joined memory")
        a, self.layer = attention, layer
        self.spec = a
        source = memory_width if a.memory == "alone" else width
        own = a.keys_of is None
        self.q = nn.Linear(width, a.heads * a.head_dim, bias="q" in a.bias)
        self.k = nn.Linear(source, a.kv_heads * a.head_dim, bias="k" in a.bias) if own else None
        has_v = own and not a.keys_are_values
        self.v = nn.Linear(source, a.kv_heads * a.value_dim, bias="v" in a.bias) if has_v else None
        self.o = nn.Linear(a.heads * a.value_dim, width, bias="o" in a.bias)
        self.q_norm = self._norm(a.q_norm, a.heads, a.head_dim)
        self.k_norm = self._norm(a.k_norm if own else None, a.kv_heads, a.head_dim)
        self.v_norm = self._norm(a.v_norm if own else None, a.kv_heads, a.value_dim)
        self.o_norm = Norm(a.o_norm, a.heads * a.value_dim) if a.o_norm else None
        gates = a.heads * (a.value_dim if a.gate == "channel" else 1)
        self.gate = nn.Linear(width, gates, bias=False) if a.gate else None
        self.sinks = nn.Parameter(torch.empty(a.heads)) if a.sinks else None

    def _norm(self, norm: spec.Norm | None, heads: int, dim: int) -> Norm | None:
        if norm is None:
            return None
        return Norm(norm, dim if self.spec.norm_over == "head" else heads * dim)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(batch, time, width) to the same."""
        a = self.spec
        query = self._heads(self.q(x), self.q_norm, a.heads, a.head_dim, context)
        keys, values = self._keys_and_values(x, context)
        mixed = self._attend(query, keys, values, context)  # (batch, heads, time, value_dim)
        flat = mixed.transpose(1, 2).flatten(2)
        if self.gate is not None:
            gates = torch.sigmoid(self.gate(x))
            flat = flat * (gates if a.gate == "channel" else gates.repeat_interleave(a.value_dim, -1))
        return cast(Tensor, self.o(flat if self.o_norm is None else self.o_norm(flat)))

    def _keys_and_values(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        a = self.spec
        if a.keys_of is not None:
            return context.shared[a.keys_of]
        assert self.k is not None
        source = context.memory if a.memory == "alone" else x
        assert source is not None, "cross-attention needs a memory"
        raw = self.k(source)
        keys = self._heads(raw, self.k_norm, a.kv_heads, a.head_dim, context)
        raw_values = raw if self.v is None else self.v(source)
        values = self._split(raw_values, self.v_norm, a.kv_heads, a.value_dim).transpose(1, 2)
        if a.value_scale != 1.0:
            values = values * a.value_scale
        if context.cache is not None and a.memory is None:
            keys, values = context.cache.append(self.layer, keys, values)
        context.shared[self.layer] = keys, values
        return keys, values

    def _heads(self, rows: Tensor, norm: Norm | None, heads: int, dim: int, context: Context) -> Tensor:
        """Rows as heads, clamped, normed and rotated: (batch, heads, time, dim)."""
        a = self.spec
        if a.clip is not None:
            rows = rows.clamp(-a.clip, a.clip)
        parts = self._split(rows, None if a.norm_last else norm, heads, dim).transpose(1, 2)
        if a.rope is not None and self.rotation is not None:
            parts = rope.rotate(parts, a.rope, context.rotations[self.rotation])
        return cast(Tensor, norm(parts)) if a.norm_last and norm is not None else parts

    def _split(self, rows: Tensor, norm: Norm | None, heads: int, dim: int) -> Tensor:
        """(batch, time, heads, dim), normed over what the Spec says."""
        if norm is None:
            return split(rows, heads, dim)
        if self.spec.norm_over == "whole":
            return split(norm(rows), heads, dim)
        parts = split(rows, heads, dim)
        return cast(Tensor, norm(parts, per=(heads, dim) if self.spec.norm_over == "each" else None))

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, context: Context) -> Tensor:
        a = self.spec
        mask = context.memory_mask if a.memory == "alone" else context.masks[self.mask]
        if self.bias is not None:
            bias = context.biases[self.bias]
            mask = bias if mask is None else mask + bias
        causal = context.causal and a.memory is None
        return attend(query, keys, values, Scores(a.scale, mask, causal, a.softcap, self.sinks), context)
