"""What GGUF leaves unsaid, family by family: the keys of `config.json` that the header lacks or calls otherwise.

Decided where the format is silent: which biases and norms there are, and whether a layer is parallel, sparse or dense,
is read from the tensors; the activation is the one the family was published with (GPT-NeoX and Falcon: the exact GELU,
also where other programs compute the tanh form); windows of Mistral, Mixtral and StarCoder 2 that are not written are
none. What the format cannot carry is refused by name, and so is a key that llama.cpp needs and the header lacks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litz.architectures import gguf_rope
from litz.architectures.gguf_header import Header
from litz.errors import ConfigError

Facts = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """What every header says."""

    layers: int
    context: int
    width: int
    hidden: int  # of the feed-forward
    heads: int
    kv_heads: int
    head: int  # dimensions of one


_QKV_BIAS = ("attn_q.bias", "attn_qkv.bias")
_PERMUTED = {"gguf_interleaved_rope": True}  # rows of q and k: the same rotation, with neighbours as pairs
_MOST_EXPERTS = 1024


def _llama(h: Header, s: Sizes) -> Facts:
    window = _window(h, s)
    if h.size("expert_count", least=0):
        h.neutral("expert_weights_norm", True)
        h.neutral("expert_feed_forward_length", s.hidden)
        return _PERMUTED | {"model_type": "mixtral", "sliding_window": window, **_routed(h)}
    if window is not None:
        return _PERMUTED | {"model_type": "mistral", "sliding_window": window}
    return _PERMUTED | {"model_type": "llama", **_llama_biases(h)}


def _llama_biases(h: Header) -> Facts:
    return {**_biased(h), "mlp_bias": h.has("ffn_up.bias")}


def _smollm3(h: Header, s: Sizes) -> Facts:
    return _PERMUTED | _llama_biases(h)


def _plain(h: Header, s: Sizes) -> Facts:
    return {}


def _biased(h: Header) -> Facts:
    return {"attention_bias": h.has(*_QKV_BIAS)}


def _qwen3(h: Header, s: Sizes) -> Facts:
    return _biased(h)


def _window(h: Header, s: Sizes) -> int | None:
    """The sliding window; 0 and one that is never full are none."""
    window = h.size("attention.sliding_window", least=0)
    return window if window and window < s.context else None


def _phi3(h: Header, s: Sizes) -> Facts:
    if h.text("rope.scaling.type") == "yarn":
        raise h.refuse("phi3.rope.scaling.type = 'yarn'")
    return {"sliding_window": _window(h, s)}


def _granite(h: Header, s: Sizes) -> Facts:
    """A missing scale, or one of 0, is 1, but for attention's, which is that of any other model."""
    if h.flag("rope.scaling.finetuned") is False:
        raise h.refuse("a Granite without rotary embeddings (granite.rope.scaling.finetuned = false)")
    h.require("logit_scale")
    return _PERMUTED | _llama_biases(h) | {
        "attention_multiplier": h.number("attention.scale") or s.head**-0.5,
        "embedding_multiplier": h.number("embedding_scale") or 1.0,
        "residual_multiplier": h.number("residual_scale") or 1.0,
        "logits_scaling": h.number("logit_scale") or 1.0,
    }  # fmt: skip


def _olmo2(h: Header, s: Sizes) -> Facts:
    if _window(h, s):
        raise h.refuse("OLMo 3, an olmo2 with olmo2.attention.sliding_window")
    return _biased(h)


def _rotated_share(h: Header, s: Sizes) -> Facts:
    """All of a head, where the header names no part."""
    return {"partial_rotary_factor": 1.0}


def _stablelm(h: Header, s: Sizes) -> Facts:
    """Parallel layers have one norm; the header's own word is written true by default."""
    h.flag("use_parallel_residual")
    return _rotated_share(h, s) | {
        "use_qkv_bias": h.has(*_QKV_BIAS),
        "qk_layernorm": h.has("attn_q_norm.weight"),
        "use_parallel_residual": not h.has("ffn_norm.weight"),
    }


def _starcoder2(h: Header, s: Sizes) -> Facts:
    return {"use_bias": h.has(*_QKV_BIAS), "sliding_window": _window(h, s)}


def _command_r(h: Header, s: Sizes) -> Facts:
    h.require("logit_scale")
    return {"model_type": "cohere", "use_qk_norm": h.has("attn_q_norm.weight"), **_biased(h),
            "logit_scale": h.number("logit_scale", above=0.0)}  # fmt: skip


def _phi2(h: Header, s: Sizes) -> Facts:
    return {"model_type": "phi", **_rotated_share(h, s)}


_NEOX_20B_LAYERS = 44  # the one that was trained with the tanh form


def _gpt_neox(h: Header, s: Sizes) -> Facts:
    h.require("use_parallel_residual")
    facts = {
        "model_type": "gpt_neox",
        "hidden_act": "gelu_fast" if s.layers == _NEOX_20B_LAYERS else "gelu",
        "use_parallel_residual": h.flag("use_parallel_residual"),
    }
    return facts | _biased(h) | _rotated_share(h, s) | _one_key_a_query(h, s)


def _one_key_a_query(h: Header, s: Sizes) -> Facts:
    """The number of key heads is no key of these families, and right if it is that of the query heads."""
    if s.kv_heads != s.heads:
        raise h.refuse(f"a {h.arch} with grouped queries ({h.arch}.attention.head_count_kv = {s.kv_heads})")
    return {"num_key_value_heads": None}


def _falcon(h: Header, s: Sizes) -> Facts:
    """One norm and one key head is 7B; two norms 40B; one norm and several key heads 11B."""
    if h.has("ffn_norm.weight", *_QKV_BIAS):
        raise h.refuse("Falcon-RW, whose ALiBi the format does not record")
    facts: Facts = {"num_kv_heads": s.kv_heads, "num_key_value_heads": None}
    if h.has("attn_norm_2.weight"):
        return facts | {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 2}
    if s.kv_heads > 1:
        return facts | {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1}
    return facts | {"new_decoder_architecture": False, "multi_query": True, "parallel_attn": True}


def _without_rope(h: Header, s: Sizes) -> Facts:
    h.ignore_all("rope.")
    return _one_key_a_query(h, s)


def _routed(h: Header) -> Facts:
    """How many experts there are, and how many of them a token meets."""
    count = h.needed("expert_count", most=_MOST_EXPERTS)
    h.neutral("expert_weights_scale", 0.0, 1.0)
    h.neutral("expert_gating_func", 0, 1)  # a softmax
    for key in ("expert_group_count", "expert_group_used_count"):
        h.neutral(key, 0, 1)
    return {"num_experts": count, "num_experts_per_tok": h.needed("expert_used_count", most=count)}


def _qwen_moe(h: Header, s: Sizes) -> Facts:
    """Layers without a router are dense; a width that is not written follows from the dense one."""
    layers = min(s.layers, len(h.shapes))  # each layer has tensors
    facts = _routed(h)
    width = h.same_for_each("expert_feed_forward_length", layers=s.layers, least=0)
    facts["moe_intermediate_size"] = width or s.hidden // facts["num_experts_per_tok"]
    if not facts["moe_intermediate_size"]:
        raise ConfigError(f"{h.name('feed_forward_length')} {s.hidden} leaves nothing for each expert that is used")
    dense = [i for i in range(layers) if f"blk.{i}.ffn_gate_inp.weight" not in h.shapes]
    return facts | {"mlp_only_layers": dense}


def _qwen2_moe(h: Header, s: Sizes) -> Facts:
    shared = h.size("expert_shared_feed_forward_length", least=0) or s.hidden
    return {"model_type": "qwen2_moe", "shared_expert_intermediate_size": shared,
            "norm_topk_prob": bool(h.flag("expert_weights_norm")), "qkv_bias": h.has(*_QKV_BIAS),
            **_qwen_moe(h, s)}  # fmt: skip


def _qwen3_moe(h: Header, s: Sizes) -> Facts:
    normalize = h.flag("expert_weights_norm") is not False
    return {"model_type": "qwen3_moe", "norm_topk_prob": normalize, **_biased(h), **_qwen_moe(h, s)}


def _lfm2(h: Header, s: Sizes) -> Facts:
    """Layers without key heads are convolutions, whose biases the format has no tensors for."""
    key = "attention.head_count_kv"
    heads = h.counts(key, layers=s.layers) if h.lists(key) else [s.kv_heads] * s.layers
    return {
        "norm_eps": h.number("attention.layer_norm_rms_epsilon"), "rms_norm_eps": None,
        "conv_L_cache": h.needed("shortconv.l_cache"), "block_auto_adjust_ff_dim": False,
        "layer_types": ["full_attention" if count else "conv" for count in heads],
    }  # fmt: skip


def _gpt_oss(h: Header, s: Sizes) -> Facts:
    """Every other layer slides, gates are clamped to 7: no keys say so."""
    return {
        "model_type": "gpt_oss", **_biased(h), **_routed(h),
        "sliding_window": h.needed("attention.sliding_window"),
        "intermediate_size": h.needed("expert_feed_forward_length"),
    }  # fmt: skip


def _gemma(h: Header, s: Sizes) -> Facts:
    return {"gguf_whole_norms": True}


# The attention scale is no GGUF key: the 27B models, recognised by their depth, use width / heads, all others the head.
_GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}


def _gemma_scaled(h: Header, s: Sizes) -> Facts:
    large = s.layers == _GEMMA_27B_LAYERS[h.arch]
    return {"gguf_whole_norms": True, "query_pre_attn_scalar": s.width // s.heads if large else s.head}


def _gemma2(h: Header, s: Sizes) -> Facts:
    """Softcaps and a window that are not written are those that every Gemma 2 was published with."""
    facts = _gemma_scaled(h, s)
    for key in ("attn_logit_softcapping", "final_logit_softcapping"):
        if h.given(key):
            facts[key] = h.number(key, above=0.0)
    return facts | sliding(h, s)


def _gemma3(h: Header, s: Sizes) -> Facts:
    h.require("attention.sliding_window")
    if h.number("rope.scaling.attn_factor") not in (None, 1.0):
        raise h.refuse("a Gemma 3 with gemma3.rope.scaling.attn_factor")
    facts = _gemma_scaled(h, s) | sliding(h, s)
    facts["final_logit_softcapping"] = h.number("final_logit_softcapping", least=0.0) or None
    base, older = (gguf_rope.positive(h, f"rope.{key}") for key in ("freq_base_swa", "local.freq_base"))
    if None not in (base, older) and base != older:
        raise ConfigError(f"{h.name('rope.freq_base_swa')} = {base} and rope.local.freq_base = {older} differ")
    return facts | {"rope_local_base_freq": base or older or 10000.0}


def sliding(h: Header, s: Sizes) -> Facts:
    """Which layers slide: by a list, by a period, or as the family's do; a window of 0 is none anywhere."""
    window, key = h.size("attention.sliding_window", least=0), "attention.sliding_window_pattern"
    if window == 0:
        h.ignore(key)
        return {"layer_types": ["full_attention"] * s.layers}
    facts: Facts = {} if window is None else {"sliding_window": window}
    if h.lists(key):
        slides = h.flags(key, layers=s.layers) or []
        return facts | {"layer_types": ["sliding_attention" if one else "full_attention" for one in slides]}
    if (period := h.size(key)) is not None:  # the last of each period sees everything
        kinds = ("full_attention", "sliding_attention")
        facts["layer_types"] = [kinds[(i + 1) % period != 0] for i in range(s.layers)]
    return facts


# GGUF architecture -> what its header leaves unsaid
FACTS: dict[str, Callable[[Header, Sizes], Facts]] = {
    "bloom": _without_rope, "command-r": _command_r, "falcon": _falcon, "gemma": _gemma, "gemma2": _gemma2,
    "gemma3": _gemma3, "gpt2": _without_rope, "gpt-oss": _gpt_oss, "gptneox": _gpt_neox, "granite": _granite,
    "lfm2": _lfm2, "llama": _llama, "olmo2": _olmo2,
    "phi2": _phi2, "phi3": _phi3, "qwen2": _plain, "qwen2moe": _qwen2_moe, "qwen3": _qwen3,
    "qwen3moe": _qwen3_moe, "smollm3": _smollm3, "stablelm": _stablelm, "starcoder2": _starcoder2,
}  # fmt: skip
WITHOUT_ROPE = ("bert", "bloom", "gpt2", "modern-bert")
WITHOUT_ATTENTION = ("lfm2",)  # in some of their layers
# Families with layer norms -> their own name for the epsilon; the others have RMS norms
LAYER_NORM_EPSILON = {
    "bert": "layer_norm_eps", "jina-bert-v3": "layer_norm_eps", "modern-bert": "norm_eps",
    "nomic-bert": "layer_norm_eps",
    "bloom": "layer_norm_epsilon", "command-r": "layer_norm_eps", "falcon": "layer_norm_epsilon",
    "gpt2": "layer_norm_epsilon", "gptneox": "layer_norm_eps", "phi2": "layer_norm_eps",
    "stablelm": "layer_norm_eps", "starcoder2": "norm_epsilon",
}  # fmt: skip
