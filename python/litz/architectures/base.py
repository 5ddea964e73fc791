"""What the families share: how a family is described, the Llama table of names, and the Spec of a plain decoder."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, get_args

from litz import rope
from litz.architectures.names import Names as Names
from litz.architectures.names import layer_names as layer_names
from litz.architectures.names import layer_table as layer_table
from litz.architectures.tasks import DECODER, Tasks
from litz.config import Keys as Keys
from litz.config import Kind
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import (
    Activation,
    Attention,
    Branch,
    Layer,
    LmHead,
    Mask,
    Mlp,
    Moe,
    Norm,
    Rope,
    ShortConv,
    Sum,
    TokenStem,
    Tower,
)
from litz.spec import Spec as Spec


@dataclass(frozen=True)
class Family:
    """A model type: its default keys, how its configuration becomes a Spec, and how its tensors are called."""

    defaults: Mapping[str, Any]
    spec: Callable[[Keys], Spec]
    names: Names = field(default_factory=lambda: LLAMA)
    written: Callable[[Spec], Names] = lambda spec: {}  # which of several names a model of this Spec is written with
    prefix: str = ""  # written before every name but the head's by most files
    prefixes: tuple[str, ...] = ()  # written before every name by some files
    unused: tuple[str, ...] = ()  # towers of other modalities: reported, not loaded
    gguf_names: Names = field(default_factory=dict)  # on top of the common table
    aliases: Mapping[str, str] = field(default_factory=dict)  # a key's general name -> what this family's files say
    kind: Kind = "decoder"
    tasks: Tasks = field(default_factory=lambda: DECODER)  # what it has heads for; the first is its own


LLAMA: Names = {
    "model.embed_tokens": "embed",
    "model.norm": "norm",
    "lm_head": "head",
    "model.layers.{i}.self_attn.rotary_emb.inv_freq": None,
    **layer_names(
        input_layernorm="attn_norm",
        post_attention_layernorm="mlp_norm",
        self_attn__q_proj="attn.q",
        self_attn__k_proj="attn.k",
        self_attn__v_proj="attn.v",
        self_attn__o_proj="attn.o",
        self_attn__q_norm="attn.q_norm",
        self_attn__k_norm="attn.k_norm",
        mlp__gate_proj="mlp.gate",
        mlp__up_proj="mlp.up",
        mlp__down_proj="mlp.down",
    ),
}

# The default keys that most families built like Llama share.
LLAMA_KEYS: dict[str, Any] = {"hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6}

# Gemma 2 and 3 keep a Llama name and give it another norm.
SANDWICH: Names = {
    **LLAMA,
    **layer_names(
        post_attention_layernorm="attn_post_norm",
        pre_feedforward_layernorm="mlp_norm",
        post_feedforward_layernorm="mlp_post_norm",
    ),
}

_ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh", "relu": "relu", "quick_gelu": "quick_gelu",
}  # fmt: skip


def activation_of(c: Keys, *keys: str) -> Activation:
    """The first of the keys that is set, in litz's name for it."""
    key = next((key for key in keys if c.get(key) is not None), keys[0])
    name = c.get(key)
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise ConfigError(
            f"{c.where}: {c.name(key)} = {shown(name)}; expected one of {', '.join(sorted(_ACTIVATIONS))}"
        )
    known: tuple[str, ...] = get_args(Activation)
    assert _ACTIVATIONS[name] in known
    return _ACTIVATIONS[name]


def rope_parameters(c: Keys, *, theta: float = 10000.0, partial: bool = False) -> dict[str, Any]:
    """`rope_parameters` (transformers 5), or the older `rope_theta` and `rope_scaling`, in the newer form.

    A file may hold both: `rope_scaling` wins, as in transformers. Position limits beside them are filled in. Only a
    family that is `partial` rotates a part of each head.
    """
    newer, older = c.table("rope_parameters"), c.table("rope_scaling")
    beside = {"rope_theta": c.get("rope_theta"), "partial_rotary_factor": c.get("partial_rotary_factor")}
    parameters = dict(older or newer)
    for key, value in beside.items():
        if value is not None and parameters.get(key) is None:
            parameters[key] = value
    parameters.setdefault("rope_theta", theta)
    original = c.positive("original_max_position_embeddings")
    if original is not None and rope.kind_of(parameters) in ("llama3", "yarn", "longrope", "su"):
        parameters["original_max_position_embeddings"] = original  # beside the rope's own, this one wins
    account_for(c, parameters, "rope_scaling" if older else "rope_parameters")
    if not partial and parameters.get("partial_rotary_factor") not in (None, 1.0):
        share = shown(parameters["partial_rotary_factor"])
        raise ConfigError(f"{c.where}: {c.name('partial_rotary_factor')} = {share}: this family rotates whole heads")
    return parameters


def account_for(c: Keys, parameters: Mapping[str, Any], key: str) -> None:
    """Names the parameters that a rope scaling makes no use of; those that no scaling has stop loading."""
    elsewhere, nowhere = rope.unused(parameters)
    for name in (*elsewhere, *nowhere):
        c.leave(f"{key}.{name}", parameters[name], matters=name in nowhere)


def rope_of(c: Keys, parameters: Mapping[str, Any]) -> Rope:
    """The rotary embedding of these parameters for the model's heads."""
    context = c.size("max_position_embeddings")
    return rope.make(head_dim(c), parameters, context=context, where=f"{c.where}: rope_parameters")


Sliding = Callable[[int], bool]  # whether a layer has a window


def windows(c: Keys, *, default: Sliding | None = None) -> tuple[int | None, ...]:
    """Each layer's window, from `layer_types` or, without them, from the family's rule for its sliding layers."""
    layers = c.size("num_hidden_layers")
    kinds = c.each("layer_types", layers=layers)
    if kinds is None:
        kinds = ["sliding_attention" if default and default(i) else "full_attention" for i in range(layers)]
    if not all(kind in ("sliding_attention", "full_attention") for kind in kinds):
        raise ConfigError(
            f"{c.where}: {c.name('layer_types')} must name {layers} layers as 'full_attention' or "
            f"'sliding_attention', found {shown(kinds)}"
        )
    if c.get("sliding_window") is None and "sliding_attention" not in kinds:
        return (None,) * layers
    width = c.size("sliding_window")
    return tuple(width if kind == "sliding_attention" else None for kind in kinds)


def windows_if_set(c: Keys) -> tuple[int | None, ...]:
    """A window on every layer if the file itself sets `sliding_window`, where there is no `layer_types`."""
    return windows(c, default=lambda i: c.given("sliding_window"))


def windows_if_used(c: Keys, sliding: Callable[[Keys], Sliding]) -> tuple[int | None, ...]:
    """`sliding_window` counts only beside `use_sliding_window`: files carry the number and switch it off."""
    if c.flag("use_sliding_window"):
        return windows(c, default=sliding(c))
    c.ignore("sliding_window", "layer_types")
    return (None,) * c.size("num_hidden_layers")


def head_dim(c: Keys) -> int:
    """`head_dim`, which need not be width / heads, or else exactly that."""
    if c.get("head_dim") is not None:
        return c.size("head_dim")
    width, heads = c.size("hidden_size"), c.size("num_attention_heads")
    if width % heads:
        names = c.name("hidden_size"), c.name("num_attention_heads")
        raise ConfigError(f"{c.where}: {names[0]} {width} is no multiple of {names[1]} {heads}")
    if width // heads > 65536:
        raise ConfigError(
            f"{c.where}: {c.name('hidden_size')} {width} over {heads} heads leaves {width // heads} dimensions a head"
        )
    return width // heads


def four_times_width(c: Keys) -> int:
    """`intermediate_size`, which some families leave out for four times the width."""
    return 4 * c.size("hidden_size") if c.get("intermediate_size") is None else c.size("intermediate_size")


def kv_heads_of(c: Keys) -> int:
    """`num_key_value_heads`, or else one for every query head."""
    return c.size("num_attention_heads" if c.get("num_key_value_heads") is None else "num_key_value_heads")


Mixer = Attention | ShortConv
FeedForward = Mlp | Moe
_Scaled = TypeVar("_Scaled", TokenStem, LmHead)
NormOver = Literal["head", "whole", "each"]
Shape = Callable[[Mixer, FeedForward, Norm], Layer]


def pre(mixer: Mixer, mlp: FeedForward, norm: Norm) -> Layer:
    """A norm before the mixer and before the feed-forward: Llama, GPT-2."""
    return Sum((Branch("attn", mixer, before=norm),)), Sum((Branch("mlp", mlp, before=norm),))


def sandwich(mixer: Mixer, mlp: FeedForward, norm: Norm) -> Layer:
    """A norm before and after each of them: Gemma 2."""
    return (
        Sum((Branch("attn", mixer, before=norm, after=norm),)),
        Sum((Branch("mlp", mlp, before=norm, after=norm),)),
    )


def output_norms(mixer: Mixer, mlp: FeedForward, norm: Norm) -> Layer:
    """A norm after each of them, before it is added: OLMo 2."""
    return Sum((Branch("attn", mixer, after=norm),)), Sum((Branch("mlp", mlp, after=norm),))


def post(mixer: Mixer, mlp: FeedForward, norm: Norm) -> Layer:
    """A norm after each sum: the first transformers, BERT."""
    return Sum((Branch("attn", mixer),), after=norm), Sum((Branch("mlp", mlp),), after=norm)


def parallel(mixer: Mixer, mlp: FeedForward, norm: Norm) -> Layer:
    """Both read the same normed residual: Cohere, Phi, Falcon 7B."""
    return (Sum((Branch("attn", mixer), Branch("mlp", mlp)), before=norm),)


def parallel_own_norms(mixer: Mixer, mlp: FeedForward, norm: Norm) -> Layer:
    """Both read the residual, each through a norm of its own: GPT-NeoX, Falcon 40B."""
    return (Sum((Branch("attn", mixer, before=norm), Branch("mlp", mlp, before=norm))),)


def residual_scaled(scale: float) -> Shape:
    """Layers as `pre` makes them, whose branches are multiplied before they are added: Granite."""
    return lambda attention, mlp, norm: tuple(
        Sum(tuple(replace(branch, scale=scale) for branch in total.branches)) for total in pre(attention, mlp, norm)
    )


def plain(
    c: Keys,
    *,
    norm: Norm | None = None,
    shape: Shape = pre,
    activation: Activation | None = None,
    bias: str = "",
    gated: bool = True,
    mlp_bias: bool = False,
    mlp_width: int | None = None,
    kv_heads: int | None = None,
    causal: bool = True,
    ropes: Rope | Iterable[Rope | None] | None = None,
    windows: Iterable[int | None] = (),
    attention: Callable[[int, Attention], Mixer] = lambda index, made: made,
    feed_forward: Callable[[int, Mlp], Mlp | Moe] = lambda index, made: made,
    stem: Callable[[TokenStem], TokenStem] = lambda made: made,
    head: Callable[[LmHead], LmHead] = lambda made: made,
) -> Spec:
    """The Spec of a model from the usual keys, a decoder's unless it is not causal; a family says what is its own.

    `norm` is RMSNorm with `rms_norm_eps` unless given. `ropes` and `windows` have an entry for each layer, or one rope
    stands for all; `attention` and `feed_forward` change those of a layer, `stem` and `head` what is around the layers.
    """
    count, (heads, kv_heads, dim) = c.size("num_hidden_layers"), _heads(c, kv_heads)
    width, vocab, norm = c.size("hidden_size"), c.size("vocab_size"), norm or rms(c)
    mixer = Attention(heads, kv_heads, dim, dim, dim**-0.5, bias=bias)
    act = activation or activation_of(c, "hidden_act")
    mlp = Mlp(mlp_width or c.size("intermediate_size"), act, gated=gated, bias=mlp_bias)
    per_layer = (ropes,) * count if ropes is None or isinstance(ropes, Rope) else tuple(ropes)
    layers = tuple(
        shape(attention(i, replace(mixer, rope=rope, mask=Mask(causal, window))), feed_forward(i, mlp), norm)
        for i, (rope, window) in enumerate(zip(per_layer, tuple(windows) or (None,) * count, strict=True))
    )
    tower = Tower(width, c.size("max_position_embeddings"), stem(TokenStem(vocab, width)), layers, norm)
    return Spec({"text": tower}, head(LmHead(vocab, width, tied=c.flag("tie_word_embeddings"))))


def _heads(c: Keys, kv_heads: int | None) -> tuple[int, int, int]:
    """Query heads, key heads and their size, checked against each other."""
    heads, dim, kv_heads = c.size("num_attention_heads"), head_dim(c), kv_heads or kv_heads_of(c)
    if heads % kv_heads:
        names = c.name("num_attention_heads"), c.name("num_key_value_heads")
        raise ConfigError(
            f"{c.where}: {heads} query heads ({names[0]}) cannot share {kv_heads} key heads ({names[1]}) evenly"
        )
    if heads * dim > 2**28:
        raise ConfigError(
            f"{c.where}: {heads} heads of {dim} dimensions ({c.name('head_dim')}) are more than any model has"
        )
    return heads, kv_heads, dim


def biases(c: Keys, key: str = "attention_bias") -> str:
    """Biases on q, k, v and o, if the key says so."""
    return "qkvo" if c.flag(key) else ""


def rms(c: Keys, *, offset: float = 0.0) -> Norm:
    """RMSNorm with the configured epsilon."""
    return Norm("rms", c.number("rms_norm_eps", least=0.0), offset)


def layer_norm(c: Keys, key: str = "layer_norm_eps", *, bias: bool = True) -> Norm:
    """LayerNorm with the configured epsilon."""
    return Norm("layer", c.number(key, least=0.0), bias=bias)


def one_rope(c: Keys, *, theta: float = 10000.0, interleaved: bool = False, partial: bool = False) -> Rope:
    """The rotary embedding that every layer has; GGUF's llama-like files keep it interleaved: pairs are neighbours."""
    made = rope_of(c, rope_parameters(c, theta=theta, partial=partial))
    return replace(made, interleaved=interleaved or c.flag("gguf_interleaved_rope"))


def scaled(scale: float) -> Callable[[_Scaled], _Scaled]:
    """Embeddings, or logits, times this."""
    return lambda made: replace(made, scale=scale)


def qk_norms(norm: Norm | None, over: NormOver = "head") -> Callable[[int, Attention], Attention]:
    """The same norm on q and k in every layer; `over` says what it spans, as in `Attention.norm_over`."""
    return lambda index, made: replace(made, q_norm=norm, k_norm=norm, norm_over=over)
