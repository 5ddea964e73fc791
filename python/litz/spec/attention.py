"""Softmax attention over keys and values, and over their compressed form."""

from dataclasses import dataclass, field
from typing import Literal

from litz.spec.norm import Norm, Weights, linear
from litz.spec.position import Alibi, Buckets, Rope, Temper


@dataclass(frozen=True)
class Mask:
    """Which keys a query sees.

    causal: those up to itself. window w: those less than w away, on both sides where the mask is not causal; a pair
    (left, right) has a width for each side. chunk c: those of its own block of c positions. groups: tokens of one
    group (an image) see each other in a causal mask, and only each other in one that is not.
    """

    causal: bool = True
    window: int | tuple[int, int] | None = None
    chunk: int | None = None
    groups: bool = False


@dataclass(frozen=True)
class Attention:
    """Softmax attention.

    heads 4, kv_heads 2 (grouped queries; kv_heads == heads is plain, 1 is multi-query):

        q0 q1 | q2 q3
          k0  |   k1
          v0  |   v1
    """

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    scale: float
    mask: Mask = Mask()
    rope: Rope | None = None
    position_bias: Alibi | Buckets | None = None
    softcap: float | None = None
    bias: str = ""  # which of q, k, v and o have one: "qkv", "qkvo" …
    q_norm: Norm | None = None
    k_norm: Norm | None = None
    v_norm: Norm | None = None
    o_norm: Norm | None = None  # of the mixed heads, before o
    norm_over: Literal["head", "whole", "each"] = "head"  # one weight for all heads; over all heads; a weight each head
    norm_last: bool = False  # q and k are normed after their rotation
    gate: Literal["head", "channel"] | None = None  # mixed heads times sigmoid(gate(x))
    sinks: bool = False  # a learned score a head that joins the softmax and has no value
    memory: Literal["alone", "joined"] | None = None  # keys and values come from the memory tower, or also from there
    keys_of: int | None = None  # reads the keys and values of that layer, and has none
    keys_are_values: bool = False  # v is k before its norm and rotation
    value_scale: float = 1.0
    clip: float | None = None  # q, k and v are clamped to [-clip, clip]
    temper: Temper | None = None
    kind: Literal["attention"] = field(default="attention", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors; `memory_width` is that of the tower whose output is the memory."""
        source = memory_width if self.memory == "alone" else width
        q, k, v = self.heads * self.head_dim, self.kv_heads * self.head_dim, self.kv_heads * self.value_dim
        own = self.keys_of is None
        yield from linear(f"{name}.q", q, width, bias="q" in self.bias)
        if own:
            yield from linear(f"{name}.k", k, source, bias="k" in self.bias)
        if own and not self.keys_are_values:
            yield from linear(f"{name}.v", v, source, bias="v" in self.bias)
        yield from linear(f"{name}.o", width, self.heads * self.value_dim, bias="o" in self.bias)
        one = self.norm_over == "head"
        if self.q_norm:
            yield from self.q_norm.weights(f"{name}.q_norm", self.head_dim if one else q)
        if self.k_norm and own:
            yield from self.k_norm.weights(f"{name}.k_norm", self.head_dim if one else k)
        if self.v_norm and own:
            yield from self.v_norm.weights(f"{name}.v_norm", self.value_dim if one else v)
        if self.o_norm:
            yield from self.o_norm.weights(f"{name}.o_norm", self.heads * self.value_dim)
        if self.gate:
            yield f"{name}.gate.weight", (self.heads * (self.value_dim if self.gate == "channel" else 1), width)
        if self.sinks:
            yield f"{name}.sinks", (self.heads,)


@dataclass(frozen=True)
class Indexer:
    """A small attention that picks the `top_k` keys that a query may see. DeepSeek V3.2; Qwen 4, GLM 5.

    With `block` > 1 it picks blocks of so many keys, by their mean or by a learned pool.
    """

    heads: int
    head_dim: int
    top_k: int
    rope: Rope | None = None
    block: int = 1
    pool: Literal["mean", "learned"] = "mean"


@dataclass(frozen=True)
class Latent:
    """Attention whose keys and values are products of one latent vector a token. DeepSeek-V2, 2024.

    A query and key head has `nope_dim` dimensions without rotation and `rope_dim` that rotate; all heads share the
    rotated key. The cache holds the normed latent and that key.
    """

    heads: int
    rank: int  # of the latent
    nope_dim: int
    rope_dim: int
    value_dim: int
    scale: float
    q_rank: int | None = None  # queries come from a latent of their own
    mask: Mask = Mask()
    rope: Rope | None = None
    q_norm: Norm | None = None
    kv_norm: Norm | None = None
    bias: str = ""  # of the projections into the latents ("a") and of o ("o")
    gate: Literal["head", "channel"] | None = None
    sinks: bool = False
    temper: Temper | None = None
    index: Indexer | None = None
    kind: Literal["latent"] = field(default="latent", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        del memory_width
        q, a = self.heads * (self.nope_dim + self.rope_dim), "a" in self.bias
        if self.q_rank is None:
            yield from linear(f"{name}.q", q, width)
        else:
            yield from linear(f"{name}.q_in", self.q_rank, width, bias=a)
            yield from linear(f"{name}.q", q, self.q_rank)
            if self.q_norm:
                yield from self.q_norm.weights(f"{name}.q_norm", self.q_rank)
        yield from linear(f"{name}.kv", self.rank, width, bias=a)
        if self.rope_dim:
            yield from linear(f"{name}.k_rope", self.rope_dim, width, bias=a)
        if self.kv_norm:
            yield from self.kv_norm.weights(f"{name}.kv_norm", self.rank)
        yield f"{name}.k_up.weight", (self.heads * self.nope_dim, self.rank)
        yield f"{name}.v_up.weight", (self.heads * self.value_dim, self.rank)
        yield from linear(f"{name}.o", width, self.heads * self.value_dim, bias="o" in self.bias)
        if self.gate:
            yield f"{name}.gate.weight", (self.heads * (self.value_dim if self.gate == "channel" else 1), width)
        if self.sinks:
            yield f"{name}.sinks", (self.heads,)
        if self.index:
            yield from _index_weights(self.index, f"{name}.index", width, self.q_rank or width)


def _index_weights(index: Indexer, name: str, width: int, q_width: int) -> Weights:
    yield f"{name}.q.weight", (index.heads * index.head_dim, q_width)
    yield f"{name}.k.weight", (index.head_dim, width)
    yield from Norm("layer", bias=True).weights(f"{name}.k_norm", index.head_dim)
    yield f"{name}.weigh.weight", (index.heads, width)
    if index.pool == "learned":
        yield f"{name}.pool.weight", (index.block, index.head_dim)
