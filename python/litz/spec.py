"""What a model computes, as data: one frozen `Spec`, and the tensors that follow from it.

`architectures/` makes a Spec from a configuration; the native engine and every other executor read nothing else.
Each layer names its mixer and its feed-forward, so that a family is a tuple of facts and never a class.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Activation = Literal["silu", "gelu", "gelu_tanh", "relu", "quick_gelu"]


@dataclass(frozen=True)
class Norm:
    """How every norm of the stack works. The weight is stored as `w - offset` (Gemma stores w - 1)."""

    kind: Literal["rms", "layer"] = "rms"
    eps: float = 1e-6
    offset: float = 0.0


@dataclass(frozen=True)
class LongFrequencies:
    """LongRoPE's second set: a sequence longer than `above` uses it for every one of its positions."""

    above: int
    gain: float
    frequencies: tuple[float, ...]


@dataclass(frozen=True)
class Rope:
    """A rotary embedding, scaling already applied: `dim / 2` angular frequencies and a gain on cos and sin.

    `interleaved` pairs neighbours (0,1), (2,3)…; otherwise i pairs with i + dim/2. Dimensions past `dim` stand still.
    """

    dim: int
    frequencies: tuple[float, ...]  # (dim / 2,)
    gain: float = 1.0
    interleaved: bool = False
    long: LongFrequencies | None = None

    def __post_init__(self) -> None:
        if self.dim % 2 or len(self.frequencies) != self.dim // 2:
            raise ValueError(
                f"a rope over {self.dim} dimensions needs {self.dim // 2} frequencies, found {len(self.frequencies)}"
            )


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
    softcap: float | None = None
    window: int | None = None  # key j is seen from query i iff 0 <= i - j < window
    rope: int | None = None  # index into Spec.ropes
    q_bias: bool = False
    k_bias: bool = False
    v_bias: bool = False
    o_bias: bool = False
    qk_norm: Literal["head", "whole"] | None = None
    kind: Literal["attention"] = field(default="attention", init=False)

    def __post_init__(self) -> None:
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} query heads cannot share {self.kv_heads} key heads evenly")


@dataclass(frozen=True)
class Mlp:
    """down(act(gate(x)) * up(x)), or down(act(up(x))) when it is not gated."""

    width: int
    activation: Activation = "silu"
    gated: bool = True
    bias: bool = False
    kind: Literal["mlp"] = field(default="mlp", init=False)


@dataclass(frozen=True)
class LayerNorms:
    """Which norms a layer has; an absent one is the identity."""

    attn: bool = True
    attn_post: bool = False
    mlp: bool = True
    mlp_post: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer: x += attn_post(mixer(attn_norm(x))), then x += mlp_post(feed_forward(mlp_norm(x)))."""

    mixer: Attention
    feed_forward: Mlp
    norms: LayerNorms = LayerNorms()
    order: Literal["pre"] = "pre"


@dataclass(frozen=True)
class Spec:
    """A whole decoder. Logits are softcap(head(norm(x)) * logit_scale)."""

    width: int
    vocab: int
    context: int
    norm: Norm
    ropes: tuple[Rope, ...]
    layers: tuple[Layer, ...]
    embed_scale: float = 1.0
    residual_scale: float = 1.0
    logit_scale: float = 1.0
    logit_softcap: float | None = None
    tied_head: bool = False
    head_bias: bool = False
    final_norm: bool = True

    def to_json(self) -> str:
        """The form that the native engine reads."""
        return json.dumps(asdict(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        plain: dict[str, Any] = json.loads(self.to_json())
        return plain


def shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Every tensor of the model, canonical name to shape (outermost first).

    The one list behind the load check, parameter counts and memory estimates.
    """
    return dict(_shapes(spec))


def _shapes(spec: Spec) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "embed.weight", (spec.vocab, spec.width)
    for i, layer in enumerate(spec.layers):
        yield from ((f"layers.{i}.{name}", shape) for name, shape in _layer_shapes(spec, layer))
    if spec.final_norm:
        yield from _norm_shapes(spec, "norm", spec.width)
    if not spec.tied_head:
        yield "head.weight", (spec.vocab, spec.width)
    if spec.head_bias:
        yield "head.bias", (spec.vocab,)


def _layer_shapes(spec: Spec, layer: Layer) -> Iterator[tuple[str, tuple[int, ...]]]:
    norms = layer.norms
    for name, present in (
        ("attn_norm", norms.attn),
        ("attn_post_norm", norms.attn_post),
        ("mlp_norm", norms.mlp),
        ("mlp_post_norm", norms.mlp_post),
    ):
        if present:
            yield from _norm_shapes(spec, name, spec.width)
    yield from _attention_shapes(spec, layer.mixer)
    mlp = layer.feed_forward
    yield from _linear_shapes("mlp.up", mlp.width, spec.width, mlp.bias)
    if mlp.gated:
        yield from _linear_shapes("mlp.gate", mlp.width, spec.width, mlp.bias)
    yield from _linear_shapes("mlp.down", spec.width, mlp.width, mlp.bias)


def _attention_shapes(spec: Spec, attn: Attention) -> Iterator[tuple[str, tuple[int, ...]]]:
    q, k, v = attn.heads * attn.head_dim, attn.kv_heads * attn.head_dim, attn.kv_heads * attn.value_dim
    yield from _linear_shapes("attn.q", q, spec.width, attn.q_bias)
    yield from _linear_shapes("attn.k", k, spec.width, attn.k_bias)
    yield from _linear_shapes("attn.v", v, spec.width, attn.v_bias)
    yield from _linear_shapes("attn.o", spec.width, attn.heads * attn.value_dim, attn.o_bias)
    if attn.qk_norm:
        yield from _norm_shapes(spec, "attn.q_norm", attn.head_dim if attn.qk_norm == "head" else q)
        yield from _norm_shapes(spec, "attn.k_norm", attn.head_dim if attn.qk_norm == "head" else k)


def _linear_shapes(name: str, rows: int, cols: int, bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (rows, cols)
    if bias:
        yield f"{name}.bias", (rows,)


def _norm_shapes(spec: Spec, name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    if spec.norm.kind == "layer":
        yield f"{name}.bias", (width,)


def parameters(spec: Spec) -> int:
    """How many numbers the model holds; a tied head counts once."""
    total = 0
    for shape in shapes(spec).values():
        count = 1
        for size in shape:
            count *= size
        total += count
    return total
