"""Linear recurrences over a matrix a head: Gated DeltaNet, KDA, Mamba 1 and 2, lightning attention."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from litz import spec
from litz.nn.context import Context
from litz.nn.conv import CausalConv
from litz.nn.norm import Norm
from litz.nn.shapes import split

CHUNK = 64  # tokens that are computed together


class Parts(NamedTuple):
    """What the recurrence reads, each (batch, heads, time, ...)."""

    q: Tensor  # (..., key_dim)
    k: Tensor  # (..., key_dim)
    v: Tensor  # (..., value_dim)
    g: Tensor  # (..., 1 or key_dim): the logarithm of what a step leaves of the state, not above 0
    beta: Tensor | None  # (..., 1)


def scan(parts: Parts, state: Tensor, *, size: int = CHUNK) -> tuple[Tensor, Tensor]:
    """The outputs (batch, heads, time, value_dim), and the state after the last token.

    Chunk by chunk; exponentials are taken of differences of decays only, which are not above 0, so that nothing
    overflows. With `beta` a chunk's updates depend on each other: a unit lower triangular system.
    """
    made = []
    time = parts.q.shape[2]
    for start in range(0, time, size):
        chunk = Parts(*(None if part is None else part[:, :, start : start + size] for part in parts))  # type: ignore[arg-type]
        out, state = _chunk(chunk, state)
        made.append(out)
    return torch.cat(made, 2), state


def _chunk(parts: Parts, state: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v, g, beta = parts
    total = g.cumsum(2)  # (batch, heads, time, 1 or key_dim)
    between = total[:, :, :, None] - total[:, :, None]  # (batch, heads, later, earlier, 1 or key_dim)
    later = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).tril()
    left = between.masked_fill(~later[..., None], -torch.inf).exp()

    def scores(rows: Tensor) -> Tensor:
        if g.shape[-1] == 1:
            return rows @ k.transpose(-1, -2) * left[..., 0]
        return torch.einsum("bhid,bhjd,bhijd->bhij", rows, k, left)

    update = v
    if beta is not None:
        known = beta * (v - (k * total.exp()) @ state)
        update = torch.linalg.solve_triangular(beta * scores(k), known, upper=False, unitriangular=True)
    out = (q * total.exp()) @ state + scores(q) @ update
    kept = state * total[:, :, -1, :, None].exp()
    return out, kept + (k * (total[:, :, -1:] - total).exp()).transpose(-1, -2) @ update


class Recurrent(nn.Module):
    """The projections around a recurrence; `scan` computes it. The state is float32, or float64 beside float64."""

    def __init__(self, recurrent: spec.Recurrent, width: int, *, layer: int) -> None:
        super().__init__()
        r, self.layer = recurrent, layer
        self.spec = r
        q, v = r.key_heads * r.key_dim, r.heads * r.value_dim
        self.from_v = r.decay.kind == "ssm"
        source = v if self.from_v else width
        self.q = nn.Linear(source, q, bias=r.bias and source == width)
        self.k = nn.Linear(source, q, bias=r.bias and source == width)
        self.v = nn.Linear(width, v, bias=r.bias)
        channels = v if r.conv_over == "v" else 2 * q + v
        self.conv = CausalConv(channels, r.conv, bias=r.conv_bias) if r.conv else None
        self._add_decay(r, source)
        self.beta = nn.Linear(width, r.heads, bias=False) if r.beta else None
        self.skip = nn.Parameter(torch.empty(v if self.from_v else r.heads)) if r.skip else None
        self.norm = Norm(r.norm, r.value_dim if r.norm_over == "head" else v) if r.norm else None
        self.gate_in = nn.Linear(width, r.gate_rank, bias=False) if r.gate and r.gate_rank else None
        self.gate = nn.Linear(r.gate_rank or width, v, bias=r.bias) if r.gate else None
        self.o = nn.Linear(v, width, bias=r.bias)

    def _add_decay(self, r: spec.Recurrent, source: int) -> None:
        if r.decay.kind == "constant":
            self.decay = nn.Parameter(torch.empty(r.heads), requires_grad=False)
            return
        rows = r.heads * (r.key_dim if r.decay.over == "channel" else 1)
        if self.from_v:
            rows = r.heads * r.value_dim
        self.a_in = nn.Linear(source, r.decay.rank, bias=False) if r.decay.rank else None
        self.a = nn.Linear(r.decay.rank or source, rows, bias=False)
        self.a_bias = nn.Parameter(torch.empty(rows))
        self.a_log = nn.Parameter(torch.empty((rows, r.key_dim) if self.from_v else (r.heads,)))
        inner = r.inner_norm
        self.q_norm = Norm(inner, r.key_dim) if inner else None
        self.k_norm = Norm(inner, r.key_dim) if inner else None
        self.a_norm = Norm(inner, r.decay.rank or source) if inner else None

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(batch, time, width) to the same."""
        r = self.spec
        x = context.without_padding(x)
        q, k, v = self._heads(x, context)
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        dt, g = self._decay(x, v, wide)
        beta = None if self.beta is None else (r.beta or 1) * torch.sigmoid(self.beta(x))[..., None].transpose(1, 2)
        q, k, values = (part.transpose(1, 2).to(wide) for part in (q, k, v))
        parts = Parts(q, k, values if dt is None else values * dt, g, None if beta is None else beta.to(wide))
        slot = None if context.cache is None else context.cache.matrix(self.layer)
        empty = x.new_zeros(len(x), r.heads, r.key_dim, r.value_dim, dtype=wide)
        y, state = scan(
            parts, empty if slot is None or slot.state is None else slot.state, size=8 if self.from_v else CHUNK
        )
        if slot is not None:
            slot.state = state
        if self.skip is not None:
            y = y + self.skip.to(wide).view(r.heads, 1, -1) * values
        return cast(Tensor, self.o(self._gated(y.transpose(1, 2).to(x.dtype), x)))

    def _heads(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v after their convolution, (batch, time, heads, dim)."""
        r = self.spec
        window = None if context.cache is None or self.conv is None else context.cache.window(self.layer)
        if self.from_v:
            v = fn.silu(self._convolved(self.v(x), window, context))
            q, k = self.q(v), self.k(v)
            if self.q_norm is not None and self.k_norm is not None:
                q, k = self.q_norm(q), self.k_norm(k)
        else:
            whole = torch.cat((self.q(x), self.k(x), self.v(x)), -1)
            rows = r.key_heads * r.key_dim
            made = fn.silu(self._convolved(whole, window, context))
            q, k, v = torch.split(made, [rows, rows, r.heads * r.value_dim], -1)
        q, k = (split(part, r.key_heads, r.key_dim).repeat_interleave(r.heads // r.key_heads, 2) for part in (q, k))
        if r.unit_keys:
            q, k = _unit(q) * r.key_dim**-0.5, _unit(k)
        return q, k, split(v, r.heads, r.value_dim)

    def _convolved(self, rows: Tensor, window: object, context: Context) -> Tensor:
        if self.conv is None:
            return rows
        return context.without_padding(self.conv(context.without_padding(rows), window))

    def _decay(self, x: Tensor, v: Tensor, wide: torch.dtype) -> tuple[Tensor | None, Tensor]:
        """Mamba's step sizes (None for others), and g: both (batch, heads, time, ...)."""
        r = self.spec
        if r.decay.kind == "constant":
            return None, -self.decay.to(wide)[None, :, None, None].expand(len(x), -1, x.shape[1], 1)
        source = v.flatten(-2) if self.from_v else x
        if self.a_in is not None:
            source = self.a_in(source)
        if self.a_norm is not None:
            source = self.a_norm(source)
        a = split(self.a(source) + self.a_bias, r.heads, -1).transpose(1, 2).to(wide)
        rate = self.a_log.to(wide).exp().view(r.heads, 1, -1)
        if r.decay.floor is not None:
            return None, r.decay.floor * torch.sigmoid(rate * a)
        dt = fn.softplus(a)
        if r.decay.limits is not None:
            least, most = r.decay.limits
            dt = dt.clamp(least, math.inf if most is None else most)
        return None if r.decay.kind == "delta" else dt, -rate * dt

    def _gated(self, y: Tensor, x: Tensor) -> Tensor:
        """The heads' outputs, normed and times their gate, (batch, time, width)."""
        r = self.spec
        gate = None
        if self.gate is not None:
            gate = self.gate(x if self.gate_in is None else self.gate_in(x))
            gate = fn.silu(gate) if r.gate == "silu" else torch.sigmoid(gate)
        if gate is not None and r.gate_first:
            y = y * gate.view(y.shape)
        y = self._normed(y)
        return y if gate is None or r.gate_first else y * gate

    def _normed(self, y: Tensor) -> Tensor:
        r = self.spec
        if self.norm is None:
            return y.flatten(-2)
        if r.norm_over == "head":
            return self.norm(y).flatten(-2)  # type: ignore[no-any-return]
        if r.norm_over == "whole":
            return self.norm(y.flatten(-2))  # type: ignore[no-any-return]
        groups = split(y.flatten(-2), r.key_heads, -1)
        return self.norm(groups, per=tuple(groups.shape[-2:])).flatten(-2)  # type: ignore[no-any-return]


def _unit(x: Tensor) -> Tensor:
    """Each head divided by its length."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)
