"""GGUF headers and tensor names in the terms of `config.json`, so that one reader serves both."""

from collections.abc import Callable, Mapping
from typing import Any

from litz.architectures.base import Names
from litz.errors import ConfigError, UnsupportedError

_KEYS = {
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.sliding_window": "sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "final_logit_softcapping": "final_logit_softcapping",
    "rope.freq_base": "rope_theta",
    "rope.freq_base_swa": "rope_local_base_freq",
    "rope.local.freq_base": "rope_local_base_freq",
}
# Read below, or of no consequence.
_HANDLED = frozenset(
    """attention.value_length attention.sliding_window_pattern rope.dimension_count rope.scaling.type
    rope.scaling.factor
    rope.scaling.original_context_length rope.scaling.attn_factor rope.scaling.finetuned rope.scale_linear
    rope.scaling.yarn_beta_fast rope.scaling.yarn_beta_slow rope.scaling.yarn_log_multiplier
    rope.dimension_sections vocab_size tensor_data_layout""".split()
)
_HEADERS = ("general.", "tokenizer.", "quantize.", "split.", "GGUF.", "mradermacher.", "imatrix.")

NAMES: Names = {
    "token_embd": "embed",
    "output_norm": "norm",
    "output": "head",
    "rope_freqs": None,
    "rope_factors_long": None,
    "rope_factors_short": None,
    **{f"blk.{{i}}.{key}": f"layers.{{i}}.{name}" for key, name in {
        "attn_norm": "attn_norm", "attn_q": "attn.q", "attn_k": "attn.k", "attn_v": "attn.v", "attn_output": "attn.o",
        "attn_q_norm": "attn.q_norm", "attn_k_norm": "attn.k_norm", "post_attention_norm": "attn_post_norm",
        "ffn_norm": "mlp_norm", "ffn_gate": "mlp.gate", "ffn_up": "mlp.up", "ffn_down": "mlp.down",
        "post_ffw_norm": "mlp_post_norm",
    }.items()},
}  # fmt: skip

Shapes = Mapping[str, tuple[int, ...]]
Floats = Callable[[str], list[float]]


def config(metadata: Mapping[str, Any], shapes: Shapes, *, floats: Floats, where: str) -> dict[str, Any]:
    """The header as the dictionary that `config.json` would have held.

    `shapes` are the file's tensors, `floats` reads a small one of them (rope factors are stored as tensors).
    """
    arch = metadata.get("general.architecture")
    if arch not in _ADJUST:
        raise UnsupportedError(
            f"{where}: GGUF architecture {arch!r} is not implemented; litz knows {', '.join(_ADJUST)}"
        )
    if int(metadata.get("split.count", 0)) > 1:
        raise UnsupportedError(f"{where} is one of {metadata['split.count']} parts; merge them into one file first")
    if "token_embd.weight" not in shapes:
        raise ConfigError(f"{where} has no token_embd.weight: it holds a vocabulary but no model")
    own = {k.removeprefix(f"{arch}."): v for k, v in metadata.items() if k.startswith(f"{arch}.")}
    c = {_KEYS.get(k, f"gguf.{k}"): v for k, v in own.items() if k not in _HANDLED}
    c |= {f"gguf.{k}": v for k, v in metadata.items() if not k.startswith((f"{arch}.", *_HEADERS))}
    c |= {"model_type": arch, "vocab_size": shapes["token_embd.weight"][0],
          "tie_word_embeddings": "output.weight" not in shapes}  # fmt: skip
    _check_heads(c, own, where)
    c |= _rope(own, c, shapes, floats)
    return c | _ADJUST[arch](c, own, shapes)


def _check_heads(c: Mapping[str, Any], own: Mapping[str, Any], where: str) -> None:
    for key in ("num_attention_heads", "num_key_value_heads", "intermediate_size"):
        if isinstance(c.get(key), list):
            raise UnsupportedError(f"{where}: {key} differs from layer to layer, which is not implemented")
    value_length = own.get("attention.value_length")
    if value_length is not None and value_length != own.get("attention.key_length", value_length):
        raise UnsupportedError(
            f"{where}: keys of {own.get('attention.key_length')} and values of {value_length} "
            f"dimensions differ, which is not implemented"
        )


def _rope(own: Mapping[str, Any], c: Mapping[str, Any], shapes: Shapes, floats: Floats) -> dict[str, Any]:
    head = c.get("head_dim") or c.get("hidden_size", 0) // c.get("num_attention_heads", 1)
    dim = own.get("rope.dimension_count", head)
    partial = {"partial_rotary_factor": dim / head} if dim != head else {}
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


Adjust = Callable[[Mapping[str, Any], Mapping[str, Any], Shapes], dict[str, Any]]


def _llama(c: Mapping[str, Any], own: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """Rows of q and k were permuted by the converter: the same rotation, with neighbours as pairs."""
    facts: dict[str, Any] = {"gguf_interleaved_rope": True}
    if c.get("sliding_window"):
        return facts | {"model_type": "mistral"}
    return facts | {"attention_bias": "blk.0.attn_q.bias" in shapes, "mlp_bias": "blk.0.ffn_up.bias" in shapes}


def _plain(c: Mapping[str, Any], own: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    return {}


def _biased(c: Mapping[str, Any], own: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    return {"attention_bias": "blk.0.attn_q.bias" in shapes}


def _gemma(c: Mapping[str, Any], own: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    return {"gguf_whole_norms": True}


# The attention scale is no GGUF key: the 27B models, told by their depth, use width / heads, all others the head.
_GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}


def _gemma_scaled(c: Mapping[str, Any], own: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    large = c["num_hidden_layers"] == _GEMMA_27B_LAYERS[c["model_type"]]
    scalar = c["hidden_size"] // c["num_attention_heads"] if large else c.get("head_dim", 256)
    facts = {"gguf_whole_norms": True, "query_pre_attn_scalar": scalar}
    pattern = own.get("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        facts["layer_types"] = ["sliding_attention" if slides else "full_attention" for slides in pattern]
    elif isinstance(pattern, int):
        facts["sliding_window_pattern"] = pattern
    return facts


_ADJUST: dict[str, Adjust] = {
    "gemma": _gemma, "gemma2": _gemma_scaled, "gemma3": _gemma_scaled, "llama": _llama, "phi3": _plain,
    "qwen2": _plain, "qwen3": _biased, "smollm3": _llama,
}  # fmt: skip
