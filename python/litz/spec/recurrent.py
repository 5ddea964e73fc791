"""Mixers that carry a state of fixed size: linear recurrences and short convolutions."""

from dataclasses import dataclass, field
from typing import Literal

from litz.spec.norm import Norm, Weights, linear


@dataclass(frozen=True)
class Decay:
    """How a recurrence forgets: the logarithm g of what a step leaves of the state.

    "delta": -exp(a_log) * softplus(a(x) + a_bias), with `floor` instead floor * sigmoid(exp(a_log) * (a(x) + a_bias)).
    "ssd": -exp(a_log) * dt, dt = softplus(a(x) + a_bias) clamped to `limits` (Mamba 2). "ssm": the same with a
    matrix of a_log (Mamba 1). "constant": a buffer, `decay` (lightning attention).
    """

    kind: Literal["delta", "ssd", "ssm", "constant"] = "delta"
    over: Literal["head", "channel"] = "head"
    floor: float | None = None
    limits: tuple[float, float | None] | None = None  # None: no upper one
    rank: int | None = None  # of the projection that makes it, where it has two factors


@dataclass(frozen=True)
class Recurrent:
    """A linear recurrence over a matrix a head, S (key_dim, value_dim).

        S = exp(g) * S;  u = beta * (v - S^T k) with `beta`, else v;  S = S + k u^T;  y = S^T q

    Gated DeltaNet, KDA, Mamba 1 and 2 and lightning attention differ in the projections around it.
    """

    heads: int
    key_heads: int  # of q and k, each shared by heads / key_heads heads
    key_dim: int
    value_dim: int
    decay: Decay = Decay()
    conv: int = 0  # kernel of the causal convolution before the recurrence; 0: none
    conv_over: Literal["qkv", "v"] = "qkv"
    conv_bias: bool = False
    bias: bool = False  # of the projections in and out
    beta: Literal[1, 2] | None = None  # the delta rule, with beta times sigmoid
    unit_keys: bool = False  # q and k are divided by their length, q by sqrt(key_dim) too
    skip: bool = False  # y += D * v
    factors: tuple[float, ...] = ()  # of the parts z, x, B, C and dt of the projection (Falcon H1)
    inner_norm: Norm | None = None  # of B, C and dt (Jamba, Falcon Mamba)
    norm: Norm | None = None  # of y
    norm_over: Literal["head", "group", "whole"] = "head"
    gate: Literal["silu", "sigmoid"] | None = "silu"
    gate_first: bool = False  # the norm is that of the gated y
    gate_rank: int | None = None
    kind: Literal["recurrent"] = field(default="recurrent", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        del memory_width
        q, v = self.key_heads * self.key_dim, self.heads * self.value_dim
        from_v = self.decay.kind == "ssm"  # Mamba 1 makes B, C and dt of the convolved x
        for part, rows in (("q", q), ("k", q), ("v", v)):
            inner = v if from_v and part != "v" else width
            yield from linear(f"{name}.{part}", rows, inner, bias=self.bias and inner == width)
        if self.conv:
            channels = v if self.conv_over == "v" else 2 * q + v
            yield f"{name}.conv.weight", (channels, self.conv)
            if self.conv_bias:
                yield f"{name}.conv.bias", (channels,)
        yield from self._decay_weights(name, v if from_v else width)
        if self.beta:
            yield f"{name}.beta.weight", (self.heads, width)
        if self.skip:
            yield f"{name}.skip", (self.heads if not from_v else v,)
        if self.norm:
            sizes = {"head": self.value_dim, "group": v, "whole": v}
            yield from self.norm.weights(f"{name}.norm", sizes[self.norm_over])
        if self.gate:
            inner = self.gate_rank or width
            if self.gate_rank:
                yield f"{name}.gate_in.weight", (self.gate_rank, width)
            yield from linear(f"{name}.gate", v, inner, bias=self.bias)
        yield from linear(f"{name}.o", width, v, bias=self.bias)

    def _decay_weights(self, name: str, width: int) -> Weights:
        if self.decay.kind == "constant":
            yield f"{name}.decay", (self.heads,)
            return
        rows = self.heads * (self.key_dim if self.decay.over == "channel" else 1)
        if self.decay.kind == "ssm":
            rows = self.heads * self.value_dim
        if self.decay.rank:
            yield f"{name}.a_in.weight", (self.decay.rank, width)
        yield f"{name}.a.weight", (rows, self.decay.rank or width)
        yield f"{name}.a_bias", (rows,)
        yield f"{name}.a_log", (rows, self.key_dim) if self.decay.kind == "ssm" else (self.heads,)
        if self.inner_norm and self.inner_norm.weight:
            for part, size in (("q", self.key_dim), ("k", self.key_dim), ("a", self.decay.rank or width)):
                yield from self.inner_norm.weights(f"{name}.{part}_norm", size)


@dataclass(frozen=True)
class ShortConv:
    """A causal convolution over each channel by itself, between two gates: o(c(x) * conv(b(x) * v(x))). LFM2, 2025."""

    kernel: int
    bias: bool = False
    kind: Literal["conv"] = field(default="conv", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        del memory_width
        for part in ("b", "c", "v"):
            yield from linear(f"{name}.{part}", width, width, bias=self.bias)
        yield f"{name}.conv.weight", (width, self.kernel)
        if self.bias:
            yield f"{name}.conv.bias", (width,)
        yield from linear(f"{name}.o", width, width, bias=self.bias)
