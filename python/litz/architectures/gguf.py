"""GGUF headers and tensor names in the terms of `config.json`, so that one reader serves both."""

from collections.abc import Callable, Mapping
from typing import Any

from litz.architectures import gguf_families
from litz.architectures.base import Family
from litz.architectures.gguf_families import Header, Shapes
from litz.architectures.names import Experts, Names, Target, within
from litz.errors import ConfigError, UnsupportedError

_KEYS = {
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_epsilon": "layer_norm_eps",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.sliding_window": "sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "embedding_scale": "embedding_multiplier",
    "attention.scale": "attention_multiplier",
    "expert_count": "num_experts",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_used_count": "num_experts_per_tok",
    "expert_weights_norm": "norm_topk_prob",
    "feed_forward_length": "intermediate_size",
    "final_logit_softcapping": "final_logit_softcapping",
    "logit_scale": "logit_scale",
    "residual_scale": "residual_multiplier",
    "rope.freq_base": "rope_theta",
    "rope.freq_base_swa": "rope_local_base_freq",
    "rope.local.freq_base": "rope_local_base_freq",
    "use_parallel_residual": "use_parallel_residual",
}
# Read below, or of no consequence.
_HANDLED = frozenset(
    """attention.causal attention.value_length attention.sliding_window_pattern expert_gating_func
    expert_group_count expert_group_used_count expert_weights_scale rope.dimension_count rope.scaling.type
    rope.scaling.factor
    rope.scaling.original_context_length rope.scaling.attn_factor rope.scaling.finetuned rope.scale_linear
    rope.scaling.yarn_beta_fast rope.scaling.yarn_beta_slow rope.scaling.yarn_log_multiplier
    rope.dimension_sections vocab_size tensor_data_layout""".split()
)
_WITHOUT_ROPE = ("bloom", "gpt2")
_PER_LAYER = ("attention.head_count", "attention.head_count_kv", "feed_forward_length", "expert_feed_forward_length")
_HEADERS = ("general.", "tokenizer.", "quantize.", "split.", "GGUF.", "mradermacher.", "imatrix.")

_EXPERTS = "moe.experts.{e}"
_LAYER: dict[str, Target] = {
    "attn_norm": "attn_norm", "attn_q": "attn.q", "attn_k": "attn.k", "attn_v": "attn.v", "attn_output": "attn.o",
    "attn_qkv": ("attn.q", "attn.k", "attn.v"), "attn_rot_embd": None,
    "attn_q_norm": "attn.q_norm", "attn_k_norm": "attn.k_norm", "post_attention_norm": "attn_post_norm",
    "ffn_norm": "mlp_norm", "ffn_gate": "mlp.gate", "ffn_up": "mlp.up", "ffn_down": "mlp.down",
    "post_ffw_norm": "mlp_post_norm",
    "ffn_gate_inp": "moe.router", "ffn_gate_inp_shexp": "moe.shared_gate",
    "ffn_gate_up_exps": Experts(f"{_EXPERTS}.gate", f"{_EXPERTS}.up"),
    **{f"ffn_{part}_exps": Experts(f"{_EXPERTS}.{part}") for part in ("gate", "up", "down")},
    **{f"ffn_{part}.{{e}}": f"{_EXPERTS}.{part}" for part in ("gate", "up", "down")},  # the first files with experts
    **{f"ffn_{part}_shexp": f"moe.shared.{part}" for part in ("gate", "up", "down")},
}  # fmt: skip
_NAMES: dict[str, Target] = {
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
# Falcon 40B has a norm of its own for attention; the first one is then the feed-forward's.
_TWO_NORMS: Names = {"blk.{i}.attn_norm": "layers.{i}.mlp_norm", "blk.{i}.attn_norm_2": "layers.{i}.attn_norm"}

Floats = Callable[[str], list[float]]


def names(family: Family, shapes: Shapes) -> Names:
    """The table of tensor names for a file with these tensors."""
    two_norms = _TWO_NORMS if "blk.0.attn_norm_2.weight" in shapes else {}
    return {**_NAMES, **family.gguf_names, **two_norms}


def config(metadata: Mapping[str, Any], shapes: Shapes, *, floats: Floats, where: str) -> dict[str, Any]:
    """The header as the dictionary that `config.json` would have held.

    `shapes` are the file's tensors, `floats` reads a small one of them (rope factors are stored as tensors).
    """
    arch, known = metadata.get("general.architecture"), gguf_families.FACTS
    if arch not in known:
        raise UnsupportedError(f"{where}: GGUF architecture {arch!r} is not implemented; litz knows {', '.join(known)}")
    if int(metadata.get("split.count", 0)) > 1:
        raise UnsupportedError(f"{where} is one of {metadata['split.count']} parts; merge them into one file first")
    if "token_embd.weight" not in shapes:
        raise ConfigError(f"{where} has no token_embd.weight: it holds a vocabulary but no model")
    own = {k.removeprefix(f"{arch}."): v for k, v in metadata.items() if k.startswith(f"{arch}.")}
    own |= {k: _one(own[k]) for k in _PER_LAYER if k in own}
    c = {_KEYS.get(k, f"gguf.{k}"): v for k, v in own.items() if k not in _HANDLED}
    c |= {f"gguf.{k}": v for k, v in metadata.items() if not k.startswith((f"{arch}.", *_HEADERS))}
    c |= {"model_type": arch, "vocab_size": shapes["token_embd.weight"][0],
          "tie_word_embeddings": "output.weight" not in shapes}  # fmt: skip
    _refuse(Header(c, own, shapes, where))
    if arch not in _WITHOUT_ROPE:
        c |= {"rope_theta": 10000.0, **c, **_rope(own, c, shapes, floats)}
    c |= known[arch](Header(c, own, shapes, where))
    return {key: value for key, value in c.items() if value is not None}


def _one(value: Any) -> Any:
    """A list that repeats one number for each layer as that number."""
    return value[0] if isinstance(value, list) and len(set(value)) == 1 else value


def _refuse(h: Header) -> None:
    """Stops at what no family of litz computes."""
    for key in ("num_attention_heads", "num_key_value_heads", "intermediate_size", "moe_intermediate_size"):
        if isinstance(h.config.get(key), list):
            raise h.refuse(f"{key} that differs from layer to layer")
    key_length, value_length = h.own.get("attention.key_length"), h.own.get("attention.value_length")
    if value_length is not None and value_length != (key_length or value_length):
        raise h.refuse(f"keys of {key_length} and values of {value_length} dimensions")
    if h.own.get("attention.causal") is False:
        raise h.refuse("attention that is not causal")
    if h.own.get("expert_gating_func", 1) != 1:
        raise h.refuse("a router that is no softmax")
    if h.own.get("expert_weights_scale", 1.0) not in (0.0, 1.0) or h.own.get("expert_group_count", 1) > 1:
        raise h.refuse("experts in groups or with a scale")


def _rope(own: Mapping[str, Any], c: Mapping[str, Any], shapes: Shapes, floats: Floats) -> dict[str, Any]:
    head = c.get("head_dim") or c.get("hidden_size", 0) // c.get("num_attention_heads", 1)
    dim = own.get("rope.dimension_count", head)
    # Half a dimension more, so that the product with the head, rounded down, is `dim` again.
    partial = {"partial_rotary_factor": (dim + 0.5) / head} if dim != head else {}
    original = own.get("rope.scaling.original_context_length")
    if "rope_freqs.weight" in shapes:
        return partial | {"rope_scaling": {"rope_type": "per_dimension", "factors": floats("rope_freqs.weight")}}
    if "rope_factors_long.weight" in shapes:
        scaling = {
            "rope_type": "longrope",
            "long_factor": floats("rope_factors_long.weight"),
            "short_factor": floats("rope_factors_short.weight"),
            "attention_factor": own.get("rope.scaling.attn_factor"),
        }
        return partial | {"rope_scaling": scaling, "original_max_position_embeddings": original}
    kind = own.get("rope.scaling.type") or ("linear" if "rope.scale_linear" in own else "none")
    if kind in ("none", "longrope"):
        return partial
    scaling = {
        "rope_type": kind,
        "factor": own.get("rope.scaling.factor", own.get("rope.scale_linear")),
        "original_max_position_embeddings": original,
        "attention_factor": own.get("rope.scaling.attn_factor"),
        "beta_fast": own.get("rope.scaling.yarn_beta_fast"),
        "beta_slow": own.get("rope.scaling.yarn_beta_slow"),
    }
    return partial | {"rope_scaling": {k: v for k, v in scaling.items() if v is not None}}
