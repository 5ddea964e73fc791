"""GGUF headers and tensor names in the terms of `config.json`, so that one reader serves both."""

from collections.abc import Mapping
from typing import Any

from litz.architectures import gguf_encoders, gguf_families, gguf_rope
from litz.architectures.base import Family
from litz.architectures.gguf_families import LAYER_NORM_EPSILON, WITHOUT_ATTENTION, WITHOUT_ROPE, Sizes
from litz.architectures.gguf_header import MOST_LAYERS, Header, Shapes
from litz.architectures.gguf_rope import Floats
from litz.architectures.names import Experts, Names, Target, with_last, within
from litz.errors import ConfigError, UnsupportedError
from litz.numbers import integer, shown

# What GGUF calls the keys of `config.json`: errors about these say it so.
_SPELLED = {
    "attention_multiplier": "attention.scale",
    "conv_L_cache": "shortconv.l_cache",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "embedding_multiplier": "embedding_scale",
    "final_logit_softcapping": "final_logit_softcapping",
    "head_dim": "attention.key_length",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "layer_norm_eps": "attention.layer_norm_epsilon",
    "layer_norm_epsilon": "attention.layer_norm_epsilon",
    "layer_types": "attention.sliding_window_pattern",
    "logit_scale": "logit_scale",
    "logits_scaling": "logit_scale",
    "max_position_embeddings": "context_length",
    "moe_intermediate_size": "expert_feed_forward_length",
    "norm_eps": "attention.layer_norm_rms_epsilon",
    "norm_epsilon": "attention.layer_norm_epsilon",
    "num_attention_heads": "attention.head_count",
    "num_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "num_hidden_layers": "block_count",
    "num_key_value_heads": "attention.head_count_kv",
    "num_kv_heads": "attention.head_count_kv",
    "partial_rotary_factor": "rope.dimension_count",
    "residual_multiplier": "residual_scale",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_local_base_freq": "rope.freq_base_swa",
    "rope_theta": "rope.freq_base",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "sliding_window": "attention.sliding_window",
    "sliding_window_pattern": "attention.sliding_window_pattern",
}
_WITH_EXPERTS = ("gpt-oss", "llama", "qwen2moe", "qwen3moe")
# Values that say that a feature is off, for the architectures that have no such feature.
_OFF: dict[str, tuple[object, ...]] = {
    "attention.clamp_kqv": (0.0,),
    "attention.max_alibi_bias": (0.0,),
    "attention.scale": (0.0,),
    "attention.sliding_window": (0,),
    "attn_logit_softcapping": (0.0,),
    "embedding_scale": (0.0, 1.0),
    "expert_shared_count": (0,),
    "final_logit_softcapping": (0.0,),
    "interleave_moe_layer_step": (0, 1),
    "leading_dense_block_count": (0,),
    "logit_scale": (0.0, 1.0),
    "nextn_predict_layers": (0,),
    "residual_scale": (0.0, 1.0),
    "rope.scaling.alpha": (0.0,),
}
# Of no consequence for what is computed from tokens.
_IRRELEVANT = ("decoder_start_token_id", "pooling_type", "tensor_data_layout")
_HEADERS = ("general.", "tokenizer.", "quantize.", "split.", "GGUF.", "mradermacher.", "imatrix.")

_EXPERTS = "moe.experts.{e}"
_LAYER: dict[str, Target] = {
    "attn_qkv": ("attn.q", "attn.k", "attn.v"), "attn_rot_embd": None,
    "attn_norm": "attn_norm", "attn_q": "attn.q", "attn_k": "attn.k", "attn_v": "attn.v", "attn_output": "attn.o",
    "attn_q_norm": "attn.q_norm", "attn_k_norm": "attn.k_norm", "post_attention_norm": "attn_post_norm",
    "ffn_norm": "mlp_norm", "ffn_gate": "mlp.gate", "ffn_up": "mlp.up", "ffn_down": "mlp.down",
    "post_ffw_norm": "mlp_post_norm",
    "ffn_gate_inp": "moe.router", "ffn_gate_inp_shexp": "moe.shared_gate",
    **{f"ffn_{part}.{{e}}": f"{_EXPERTS}.{part}" for part in ("gate", "up", "down")},  # the first files with experts
    "ffn_gate_up_exps": Experts(f"{_EXPERTS}.gate", f"{_EXPERTS}.up"),
    **{f"ffn_{part}_exps": Experts(f"{_EXPERTS}.{part}") for part in ("gate", "up", "down")},
    **{f"ffn_{part}_shexp": f"moe.shared.{part}" for part in ("gate", "up", "down")},
}  # fmt: skip
# Of two names of one weight a file has the later one: an encoder's names stand first.
_NAMES: dict[str, Target] = {
    **gguf_encoders.NAMES,
    "token_embd": "embed",
    "token_embd_norm": "embed_norm",
    "position_embd": "positions",
    "output_norm": "norm",
    "output": "head",
    "rope_freqs": None,
    "rope_factors_long": None,
    "rope_factors_short": None,
    **{f"blk.{{i}}.{key}": within("layers.{i}.", target) for key, target in _LAYER.items()},
}
FACTS = {**gguf_families.FACTS, **gguf_encoders.FACTS}
# Falcon 40B has a norm of its own for attention; the first one is then the feed-forward's.
_TWO_NORMS: Names = {"blk.{i}.attn_norm": "layers.{i}.mlp_norm", "blk.{i}.attn_norm_2": "layers.{i}.attn_norm"}


def names(family: Family, shapes: Shapes) -> Names:
    """The table of tensor names for a file with these tensors."""
    two_norms = _TWO_NORMS if "blk.0.attn_norm_2.weight" in shapes else {}
    return with_last(_NAMES, {**family.gguf_names, **two_norms})


def spelled(arch: object) -> dict[str, str]:
    """What a header of this architecture calls the keys of `config.json`."""
    return {key: f"{arch}.{own}" for key, own in _SPELLED.items()}


def config(
    metadata: Mapping[str, Any],
    shapes: Shapes,
    *,
    floats: Floats,
    where: str,
    long_arrays: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The header as the dictionary that `config.json` would have held.

    `shapes` are the file's tensors, `floats` reads a small one of them (rope factors are stored as tensors);
    `long_arrays` are the keys whose values `metadata` leaves out. An unread key is in the dictionary as
    `gguf.KEY`, so that it is refused like any unknown key.
    """
    arch = metadata.get("general.architecture")
    if not isinstance(arch, str) or arch not in FACTS:
        known = ", ".join(FACTS)
        raise UnsupportedError(
            f"{where}: the GGUF architecture (general.architecture) {shown(arch)} is not implemented; "
            f"expected one of {known}"
        )
    parts = integer(metadata.get("split.count", 0), f"{where}: split.count", error=ConfigError)
    if parts > 1:
        raise UnsupportedError(f"{where} is one of {parts} parts (split.count); merge them into one file first")
    if not shapes.get("token_embd.weight"):
        raise ConfigError(f"{where} has no token_embd.weight: it holds a vocabulary but no model")
    h = Header(metadata, shapes, where=where, long_arrays=long_arrays)
    s = _sizes(h)
    c = _common(h, s) | FACTS[arch](h, s)
    if arch not in WITHOUT_ROPE:
        c |= gguf_rope.rope(h, head=s.head, context=s.context, floats=floats)
    for key, values in _OFF.items():
        h.neutral(key, *values)
    c |= {f"gguf.{key}": value for key, value in h.left().items()}
    c |= {f"header.{k}": v for k, v in metadata.items() if not k.startswith((f"{arch}.", *_HEADERS))}
    return {key: value for key, value in c.items() if value is not None}


def _sizes(h: Header) -> Sizes:
    """The sizes of the decoder; heads without a length of their own share the width."""
    layers, width = h.needed("block_count", most=MOST_LAYERS), h.needed("embedding_length")
    for key in ("attention.head_count", "feed_forward_length"):
        h.require(key)
    heads = h.same_for_each("attention.head_count", layers=layers, most=65536) or 1
    kv_heads = _kv_heads(h, layers)
    hidden = h.same_for_each("feed_forward_length", layers=layers) or 1
    head = h.size("attention.key_length", most=65536)
    if head is None:
        if width % heads or width // heads > 65536:
            names = f"{h.name('embedding_length')} {width} and attention.head_count {heads}"
            raise ConfigError(
                f"{names} make no heads of a whole size up to 65536, and there is no attention.key_length"
            )
        head = width // heads
    value = h.size("attention.value_length", most=65536) or width // heads
    if value != head:
        names = f"{h.arch}.attention.key_length and {h.arch}.attention.value_length"
        raise h.refuse(f"keys of {head} and values of {value} dimensions ({names})")
    return Sizes(
        layers, h.needed("context_length"), width, hidden, heads, heads if kv_heads is None else kv_heads, head
    )


def _kv_heads(h: Header, layers: int) -> int | None:
    """Those of the layers that attend: in some architectures, the others say 0."""
    key = "attention.head_count_kv"
    if h.arch not in WITHOUT_ATTENTION or not h.lists(key):
        return h.same_for_each(key, layers=layers, most=65536)
    counts = set(h.counts(key, layers=layers, most=65536)) - {0}
    if len(counts) > 1:
        raise h.refuse(f"{h.arch}.{key} that differs from layer to layer ({shown(sorted(counts))})")
    return counts.pop() if counts else None


def _common(h: Header, s: Sizes) -> dict[str, Any]:
    """What every family's configuration says, once what is no question of the family's has been checked."""
    rows = h.shapes["token_embd.weight"][0]
    if h.size("vocab_size") not in (None, rows):
        raise ConfigError(f"{h.name('vocab_size')} is not the {rows} rows of token_embd.weight")
    causal = h.flag("attention.causal")
    if causal is not None and causal is (h.arch in gguf_encoders.FACTS):
        raise h.refuse(f"attention that is {'' if causal else 'not '}causal ({h.arch}.attention.causal)")
    h.ignore(*_IRRELEVANT)
    if not _has_experts(h):
        h.ignore_all("expert_")
    rms, layer = "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"
    epsilon = layer if h.arch in LAYER_NORM_EPSILON else rms
    h.require(epsilon)
    return {
        "model_type": h.arch, "vocab_size": rows, "tie_word_embeddings": "output.weight" not in h.shapes,
        "hidden_size": s.width, "intermediate_size": s.hidden, "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads, "num_key_value_heads": s.kv_heads, "head_dim": s.head,
        "max_position_embeddings": s.context,
        LAYER_NORM_EPSILON.get(h.arch, "rms_norm_eps"): h.number(epsilon, least=0.0),
    }  # fmt: skip


def _has_experts(h: Header) -> bool:
    """Whether the header counts experts; architectures without them have 0."""
    count = h.size("expert_count", least=0) or 0
    if count and h.arch not in _WITH_EXPERTS:
        raise h.refuse(f"a {h.arch} with experts ({h.arch}.expert_count = {count})")
    if not count and h.size("expert_used_count", least=0):
        raise ConfigError(f"{h.name('expert_used_count')} is positive, but there is no expert_count")
    return count > 0
