"""What GGUF leaves unsaid, family by family: the keys of `config.json` that the header lacks or calls otherwise.

Decided where the format is silent: which biases and norms there are, and whether a layer is parallel, sparse or dense,
is told by the tensors; the activation is the one the family was published with (GPT-NeoX and Falcon: the exact GELU,
also where other programs compute the tanh form); a rotary base that is not written is 10,000; windows of Mistral,
Mixtral and StarCoder 2 that are not written are none. What the format cannot carry is refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litz.errors import UnsupportedError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Header:
    """A GGUF header: the keys renamed so far, the architecture's own keys as written, and the file's tensors."""

    config: Mapping[str, Any]
    own: Mapping[str, Any]
    shapes: Shapes
    where: str

    def has(self, *tensors: str) -> bool:
        """Whether the first layer has any of these tensors."""
        return any(f"blk.0.{tensor}" in self.shapes for tensor in tensors)

    def refuse(self, what: str) -> UnsupportedError:
        """An error that names the file."""
        return UnsupportedError(f"{self.where}: {what}, which is not implemented")


Facts = dict[str, Any]
_QKV_BIAS = ("attn_q.bias", "attn_qkv.bias")
_PERMUTED = {"gguf_interleaved_rope": True}  # rows of q and k: the same rotation, with neighbours as pairs


def _llama(h: Header) -> Facts:
    if h.config.get("num_experts"):
        return _PERMUTED | {"model_type": "mixtral"}
    dense = {"num_experts": None, "num_experts_per_tok": None}  # written as 0 by some
    if h.config.get("sliding_window"):
        return _PERMUTED | dense | {"model_type": "mistral"}
    return _PERMUTED | dense | _llama_biases(h)


def _llama_biases(h: Header) -> Facts:
    return {**_biased(h), "mlp_bias": h.has("ffn_up.bias")}


def _plain(h: Header) -> Facts:
    return {}


def _biased(h: Header) -> Facts:
    return {"attention_bias": h.has(*_QKV_BIAS)}


def _granite(h: Header) -> Facts:
    """A missing scale is 1, but for attention's, which is that of any other model."""
    if h.own.get("rope.scaling.finetuned") is False:
        raise h.refuse("a Granite without rotary embeddings")
    head = h.config.get("head_dim") or h.config["hidden_size"] // h.config["num_attention_heads"]
    scale = h.config.get("attention_multiplier") or head**-0.5
    facts = {"attention_multiplier": scale, "logits_scaling": h.config.get("logit_scale", 1.0), "logit_scale": None}
    return _PERMUTED | _llama_biases(h) | facts


def _olmo2(h: Header) -> Facts:
    if h.config.get("sliding_window"):
        raise h.refuse("OLMo 3, an olmo2 with sliding windows")
    return _biased(h)


def _rotated_share(h: Header) -> Facts:
    """All of a head, where the header names no part."""
    return {"partial_rotary_factor": h.config.get("partial_rotary_factor", 1.0)}


def _stablelm(h: Header) -> Facts:
    """Parallel layers have one norm; the header's own word is written true by default."""
    return _rotated_share(h) | {
        "use_qkv_bias": h.has(*_QKV_BIAS),
        "qk_layernorm": h.has("attn_q_norm.weight"),
        "use_parallel_residual": not h.has("ffn_norm.weight"),
    }


def _starcoder2(h: Header) -> Facts:
    return {"norm_epsilon": h.config.get("layer_norm_eps"), "layer_norm_eps": None, "use_bias": h.has(*_QKV_BIAS)}


def _command_r(h: Header) -> Facts:
    return {"model_type": "cohere", "use_qk_norm": h.has("attn_q_norm.weight"), **_biased(h)}


def _phi2(h: Header) -> Facts:
    return {"model_type": "phi", **_rotated_share(h)}


def _epsilon(h: Header) -> Facts:
    return {"layer_norm_epsilon": h.config.get("layer_norm_eps"), "layer_norm_eps": None}


_NEOX_20B_LAYERS = 44  # the one that was trained with the tanh form


def _gpt_neox(h: Header) -> Facts:
    large = h.config.get("num_hidden_layers") == _NEOX_20B_LAYERS
    facts = {"model_type": "gpt_neox", "hidden_act": "gelu_fast" if large else "gelu"}
    return facts | _biased(h) | _rotated_share(h) | _one_key_a_query(h)


def _one_key_a_query(h: Header) -> Facts:
    """The number of key heads is no key of these families, and right if it is that of the query heads."""
    if h.config.get("num_key_value_heads") not in (None, h.config.get("num_attention_heads")):
        raise h.refuse(f"a {h.config['model_type']} with grouped queries")
    return {"num_key_value_heads": None}


def _falcon(h: Header) -> Facts:
    """One norm and one key head is 7B; two norms 40B; one norm and several key heads 11B."""
    if h.has("ffn_norm.weight", *_QKV_BIAS):
        raise h.refuse("Falcon-RW, whose ALiBi the format does not record")
    kv_heads = h.config.get("num_key_value_heads") or 1
    facts: Facts = {"num_kv_heads": kv_heads, "num_key_value_heads": None, **_epsilon(h)}
    if h.has("attn_norm_2.weight"):
        return facts | {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 2}
    if kv_heads > 1:
        return facts | {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1}
    return facts | {"new_decoder_architecture": False, "multi_query": True, "parallel_attn": True}


def _bloom(h: Header) -> Facts:
    return {"intermediate_size": None, **_epsilon(h), **_one_key_a_query(h)}  # always four times the width


def _gpt2(h: Header) -> Facts:
    return _epsilon(h) | _one_key_a_query(h)


def _qwen_moe(h: Header) -> Facts:
    """Layers without a router are dense; a width that is not written follows from the dense one."""
    c, layers = h.config, min(h.config["num_hidden_layers"], len(h.shapes))  # each layer has tensors
    facts: Facts = {"mlp_only_layers": [i for i in range(layers) if f"blk.{i}.ffn_gate_inp.weight" not in h.shapes]}
    if "moe_intermediate_size" not in c:
        facts["moe_intermediate_size"] = c["intermediate_size"] // c["num_experts_per_tok"]
    return facts


def _qwen2_moe(h: Header) -> Facts:
    shared = h.config.get("shared_expert_intermediate_size", h.config.get("intermediate_size"))
    return {"model_type": "qwen2_moe", "shared_expert_intermediate_size": shared,
            "norm_topk_prob": h.config.get("norm_topk_prob", False), "qkv_bias": h.has(*_QKV_BIAS),
            **_qwen_moe(h)}  # fmt: skip


def _qwen3_moe(h: Header) -> Facts:
    normalize = h.config.get("norm_topk_prob", True)
    return {"model_type": "qwen3_moe", "norm_topk_prob": normalize, **_biased(h), **_qwen_moe(h)}


def _gemma(h: Header) -> Facts:
    return {"gguf_whole_norms": True}


# The attention scale is no GGUF key: the 27B models, told by their depth, use width / heads, all others the head.
_GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}


def _gemma_scaled(h: Header) -> Facts:
    c = h.config
    large = c["num_hidden_layers"] == _GEMMA_27B_LAYERS[c["model_type"]]
    scalar = c["hidden_size"] // c["num_attention_heads"] if large else c.get("head_dim", 256)
    facts = {"gguf_whole_norms": True, "query_pre_attn_scalar": scalar}
    pattern = h.own.get("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        facts["layer_types"] = ["sliding_attention" if slides else "full_attention" for slides in pattern]
    elif isinstance(pattern, int):
        facts["sliding_window_pattern"] = pattern
    return facts


# GGUF architecture -> what its header leaves unsaid
FACTS: dict[str, Callable[[Header], Facts]] = {
    "bloom": _bloom, "command-r": _command_r, "falcon": _falcon, "gemma": _gemma, "gemma2": _gemma_scaled,
    "gemma3": _gemma_scaled, "gpt2": _gpt2, "gptneox": _gpt_neox, "granite": _granite, "llama": _llama,
    "olmo2": _olmo2, "phi2": _phi2, "phi3": _plain, "qwen2": _plain, "qwen2moe": _qwen2_moe, "qwen3": _biased,
    "qwen3moe": _qwen3_moe, "smollm3": _llama, "stablelm": _stablelm, "starcoder2": _starcoder2,
}  # fmt: skip
