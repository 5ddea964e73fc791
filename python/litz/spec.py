"""What a model computes, as data: one frozen `Spec`, and the tensors that follow from it.

`architectures/` makes a Spec from a configuration; the native engine and every other executor read nothing else.
Each layer names its mixer and its feed-forward, so that a family is a tuple of facts and never a class.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Activation = Literal["silu", "gelu", "gelu_tanh", "relu", "quick_gelu"]
QkNorm = Literal["head", "whole", "each"]  # a weight all heads share; statistics over all heads; a weight each head


@dataclass(frozen=True)
class Norm:
    """How every norm of the stack works. The weight is stored as `w - offset` (Gemma stores w - 1)."""

    kind: Literal["rms", "layer"] = "rms"
    eps: float = 1e-6
    offset: float = 0.0
    bias: bool = False  # of the layers' norms, the final and the embedding's; `Attention.qk_norm_bias` is its own

    def __post_init__(self) -> None:
        if self.kind == "rms" and self.bias:
            raise ValueError("an rms norm has no bias")
        if self.kind == "layer" and self.offset:
            raise ValueError(f"a layer norm's weight is stored as it is, found an offset of {self.offset}")


@dataclass(frozen=True)
class Positions:
    """Learned positions: row `position + offset` of `rows` is added to the embedding (OPT keeps two rows in front)."""

    rows: int
    offset: int = 0


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
    alibi: tuple[float, ...] | None = None  # a slope a head: score += slope * (key - query position)
    q_bias: bool = False
    k_bias: bool = False
    v_bias: bool = False
    o_bias: bool = False
    qk_norm: QkNorm | None = None
    qk_norm_bias: bool = False
    kind: Literal["attention"] = field(default="attention", init=False)

    def __post_init__(self) -> None:
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} query heads cannot share {self.kv_heads} key heads evenly")
        if self.alibi is not None and len(self.alibi) != self.heads:
            raise ValueError(f"{len(self.alibi)} alibi slopes, expected one for each of {self.heads} heads")
        if self.alibi is not None and not all(math.isfinite(slope) for slope in self.alibi):
            raise ValueError("alibi slopes must be finite")
        if self.alibi is not None and self.softcap is not None:
            raise ValueError("alibi and a softcap have no agreed order")
        if self.qk_norm_bias and self.qk_norm is None:
            raise ValueError("qk_norm_bias without qk_norm")


@dataclass(frozen=True)
class Mlp:
    """down(act(gate(x)) * up(x)), or down(act(up(x))) when it is not gated."""

    width: int
    activation: Activation = "silu"
    gated: bool = True
    bias: bool = False
    kind: Literal["mlp"] = field(default="mlp", init=False)


@dataclass(frozen=True)
class Moe:
    """Experts, of which a token meets the `top_k` that the router finds most probable; each is a gated Mlp.

    The probabilities are a softmax over all experts; a tie goes to the lower index. `normalize` divides the chosen
    ones by their sum. A shared expert, times sigmoid(shared_gate(x)) where there is one, is added for every token.
    """

    experts: int
    top_k: int
    width: int  # of one expert
    activation: Activation = "silu"
    normalize: bool = True
    shared_width: int | None = None
    shared_gate: bool = False
    kind: Literal["moe"] = field(default="moe", init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.experts <= 1024:
            raise ValueError(f"{self.experts} experts, expected 1 to 1024")
        if not 1 <= self.top_k <= self.experts:
            raise ValueError(f"the best {self.top_k} of {self.experts} experts cannot be chosen")
        if self.shared_gate and self.shared_width is None:
            raise ValueError("a shared gate without a shared expert")


@dataclass(frozen=True)
class LayerNorms:
    """Which norms a layer has; an absent one is the identity."""

    attn: bool = True
    attn_post: bool = False
    mlp: bool = True
    mlp_post: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer, by its order (`scale` is Spec.residual_scale):

    pre:      x += scale * attn_post(mixer(attn_norm(x))), then x += scale * mlp_post(feed_forward(mlp_norm(x)))
    parallel: x += scale * (mixer(attn_norm(x)) + feed_forward(mlp_norm(x))); without mlp_norm both read attn_norm(x)
    post:     x = attn_norm(x + scale * mixer(x)), then x = mlp_norm(x + scale * feed_forward(x))
    """

    mixer: Attention
    feed_forward: Mlp | Moe
    norms: LayerNorms = LayerNorms()
    order: Literal["pre", "parallel", "post"] = "pre"

    def __post_init__(self) -> None:
        if self.order != "pre" and (self.norms.attn_post or self.norms.mlp_post):
            raise ValueError(f"order {self.order!r} has no attn_post and mlp_post norms")
        if self.order == "parallel" and self.norms.mlp and not self.norms.attn:
            raise ValueError("order 'parallel' with mlp_norm needs attn_norm too")


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
    embed_width: int | None = None  # of the embedding and head, where project_in and project_out lead to `width`
    embed_norm: bool = False  # after the embedding and the positions
    positions: Positions | None = None

    def __post_init__(self) -> None:
        if self.positions and self.positions.rows - self.positions.offset < self.context:
            raise ValueError(
                f"{self.positions.rows} rows of positions, of which {self.positions.offset} are not used, "
                f"are fewer than a context of {self.context}"
            )
        for index, layer in enumerate(self.layers):
            if layer.mixer.qk_norm_bias and self.norm.kind == "rms":
                raise ValueError(f"layers[{index}]: an rms norm has no bias, but qk_norm_bias is set")

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
    outer = spec.embed_width or spec.width
    yield "embed.weight", (spec.vocab, outer)
    if spec.embed_width is not None:
        yield "project_in.weight", (spec.width, outer)
    if spec.positions:
        yield "positions.weight", (spec.positions.rows, spec.width)
    if spec.embed_norm:
        yield from _norm_shapes("embed_norm", spec.width, bias=spec.norm.bias)
    for i, layer in enumerate(spec.layers):
        yield from ((f"layers.{i}.{name}", shape) for name, shape in _layer_shapes(spec, layer))
    if spec.final_norm:
        yield from _norm_shapes("norm", spec.width, bias=spec.norm.bias)
    if spec.embed_width is not None:
        yield "project_out.weight", (outer, spec.width)
    if not spec.tied_head:
        yield "head.weight", (spec.vocab, outer)
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
            yield from _norm_shapes(name, spec.width, bias=spec.norm.bias)
    yield from _attention_shapes(spec, layer.mixer)
    if isinstance(layer.feed_forward, Moe):
        yield from _moe_shapes(spec, layer.feed_forward)
    else:
        yield from _mlp_shapes(spec, layer.feed_forward)


def _attention_shapes(spec: Spec, attn: Attention) -> Iterator[tuple[str, tuple[int, ...]]]:
    q, k, v = attn.heads * attn.head_dim, attn.kv_heads * attn.head_dim, attn.kv_heads * attn.value_dim
    yield from _linear_shapes("attn.q", q, spec.width, attn.q_bias)
    yield from _linear_shapes("attn.k", k, spec.width, attn.k_bias)
    yield from _linear_shapes("attn.v", v, spec.width, attn.v_bias)
    yield from _linear_shapes("attn.o", spec.width, attn.heads * attn.value_dim, attn.o_bias)
    if attn.qk_norm:
        one = attn.qk_norm == "head"
        yield from _norm_shapes("attn.q_norm", attn.head_dim if one else q, bias=attn.qk_norm_bias)
        yield from _norm_shapes("attn.k_norm", attn.head_dim if one else k, bias=attn.qk_norm_bias)


def _mlp_shapes(spec: Spec, mlp: Mlp) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _linear_shapes("mlp.up", mlp.width, spec.width, mlp.bias)
    if mlp.gated:
        yield from _linear_shapes("mlp.gate", mlp.width, spec.width, mlp.bias)
    yield from _linear_shapes("mlp.down", spec.width, mlp.width, mlp.bias)


def _moe_shapes(spec: Spec, moe: Moe) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "moe.router.weight", (moe.experts, spec.width)
    widths = {f"moe.experts.{e}": moe.width for e in range(moe.experts)}
    if moe.shared_width is not None:
        widths["moe.shared"] = moe.shared_width
    for name, width in widths.items():
        yield f"{name}.gate.weight", (width, spec.width)
        yield f"{name}.up.weight", (width, spec.width)
        yield f"{name}.down.weight", (spec.width, width)
    if moe.shared_gate:
        yield "moe.shared_gate.weight", (1, spec.width)


def _linear_shapes(name: str, rows: int, cols: int, bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (rows, cols)
    if bias:
        yield f"{name}.bias", (rows,)


def _norm_shapes(name: str, width: int, *, bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    if bias:
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
