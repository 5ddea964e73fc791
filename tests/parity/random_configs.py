"""Random configurations of every family, tiny and awkward: widths that are multiples of nothing, one head, one expert,
windows of one, rotary parts of two dimensions, feed-forwards of one neuron, biases and tied heads by chance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import transformers as hf

from tests.parity.decoders import Row

CONTEXT = 24
Keys = dict[str, Any]
ACTIVATIONS = ["silu", "gelu", "gelu_pytorch_tanh", "relu", "quick_gelu"]


def chance(draw: Random, share: float = 0.5) -> bool:
    return draw.random() < share


def tokens(draw: Random) -> Keys:
    return {"vocab_size": draw.choice([2, 3, 17, 32, 33, 61]), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}


def depth(draw: Random) -> int:
    return draw.choice([1, 1, 2, 3])


def ffn(draw: Random) -> int:
    return draw.choice([1, 7, 16, 31, 32, 33, 48, 65])


def heads(draw: Random, dims: tuple[int, ...] = (4, 6, 8, 10, 12, 16)) -> tuple[int, int, int]:
    """(heads, key heads that divide them, size of one); at most 48 together."""
    dim = draw.choice(dims)
    count = draw.choice([n for n in (1, 2, 3, 4, 5, 6, 8, 12) if n * dim <= 48])
    return count, draw.choice([n for n in range(1, count + 1) if count % n == 0]), dim


def sizes(draw: Random, *, own_head: bool = False) -> Keys:
    """The keys that most families share; with `own_head`, the width is not that of the heads together."""
    count, kv_heads, dim = heads(draw)
    width = count * dim
    if own_head:
        width = count * draw.choice([n for n in range(1, 49) if n * count <= 48 and n * count >= 4])
    keys = {
        "hidden_size": width, "num_attention_heads": count, "num_key_value_heads": kv_heads,
        "num_hidden_layers": depth(draw), "intermediate_size": ffn(draw), "max_position_embeddings": CONTEXT,
        "hidden_act": draw.choice(ACTIVATIONS), "tie_word_embeddings": chance(draw), **tokens(draw),
    }  # fmt: skip
    return keys | ({"head_dim": dim} if own_head else {})


def dim_of(keys: Keys) -> int:
    return int(keys.get("head_dim") or keys["hidden_size"] // keys["num_attention_heads"])


def rope(draw: Random, *kinds: str, **more: Any) -> Keys:
    """`rope_parameters` of one of these kinds, with limits inside the sequence."""
    kind = draw.choice(["default", *kinds])
    found: Keys = {"rope_type": kind, "rope_theta": draw.choice([3.0, 100.0, 1e4, 1e6]), **more}
    if kind != "default":
        found["factor"] = draw.choice([1.5, 2.0, 8.0])
    if kind == "llama3":
        found |= {"low_freq_factor": draw.choice([0.5, 1.0]), "high_freq_factor": draw.choice([2.0, 4.0])}
    if kind in ("llama3", "yarn"):
        found["original_max_position_embeddings"] = draw.choice([4, 12, 20])
    if kind == "yarn" and chance(draw):
        found |= {"beta_fast": draw.choice([4.0, 16.0]), "beta_slow": draw.choice([0.5, 1.0])}
    return {"rope_parameters": found}


SCALED = ("linear", "llama3", "yarn", "dynamic")


def partial(draw: Random, dim: int) -> Keys:
    """A share of the head, of an even number of dimensions."""
    turned = draw.choice(range(2, dim + 1, 2))
    return {"partial_rotary_factor": 1.0 if turned == dim else (turned + 0.25) / dim}


def window(draw: Random) -> int:
    return draw.choice([1, 2, 5, 11, 40])


def layer_types(draw: Random, keys: Keys) -> list[str]:
    return [draw.choice(["full_attention", "sliding_attention"]) for _ in range(keys["num_hidden_layers"])]


def biases(draw: Random, *names: str) -> Keys:
    return {name: chance(draw) for name in names}


def rms(draw: Random) -> Keys:
    return {"rms_norm_eps": draw.choice([1e-6, 1e-5, 1e-2])}


def layer_norm(draw: Random, key: str = "layer_norm_eps") -> Keys:
    return {key: draw.choice([1e-5, 1e-3])}


def llama(draw: Random) -> Keys:
    own = chance(draw)
    return sizes(draw, own_head=own) | rms(draw) | rope(draw, *SCALED) | biases(draw, "attention_bias", "mlp_bias")


def mistral(draw: Random) -> Keys:
    found = sizes(draw, own_head=chance(draw)) | rms(draw) | rope(draw, *SCALED)
    return found | {"sliding_window": window(draw) if chance(draw) else None}


def _qwen_windows(draw: Random, keys: Keys) -> Keys:
    if chance(draw):
        return {"use_sliding_window": False, "sliding_window": 3}
    return {"use_sliding_window": True, "sliding_window": window(draw), "layer_types": layer_types(draw, keys)}


def qwen2(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | rope(draw, *SCALED)
    return keys | _qwen_windows(draw, keys)


def qwen3(draw: Random) -> Keys:
    keys = sizes(draw, own_head=True) | rms(draw) | rope(draw, *SCALED) | biases(draw, "attention_bias")
    return keys | _qwen_windows(draw, keys)


def smollm3(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | rope(draw, *SCALED) | biases(draw, "attention_bias", "mlp_bias")
    return keys | {"no_rope_layers": [draw.choice([0, 1]) for _ in range(keys["num_hidden_layers"])]}


def phi3(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | {"sliding_window": window(draw) if chance(draw) else None}
    share = partial(draw, dim_of(keys))
    keys |= rope(draw, **share)
    if chance(draw):  # past its original length from the third token on, or never
        pairs, original = int(dim_of(keys) * share["partial_rotary_factor"]) // 2, draw.choice([2, CONTEXT])
        factors = {name: [draw.uniform(1, 4) for _ in range(pairs)] for name in ("short_factor", "long_factor")}
        keys["rope_parameters"] |= {"rope_type": "longrope", "original_max_position_embeddings": original, **factors}
        keys["original_max_position_embeddings"] = original
    return keys


def gemma(draw: Random) -> Keys:
    return sizes(draw, own_head=True) | rms(draw) | rope(draw) | {"hidden_act": "gelu_pytorch_tanh"}


def gemma2(draw: Random) -> Keys:
    keys = sizes(draw, own_head=True) | rms(draw) | rope(draw)
    del keys["hidden_act"]
    return keys | {
        "query_pre_attn_scalar": draw.choice([4, 24, 144]), "sliding_window": window(draw),
        "layer_types": layer_types(draw, keys), "attn_logit_softcapping": draw.choice([None, 2.0, 50.0]),
        "final_logit_softcapping": draw.choice([None, 1.0, 30.0]),
    }  # fmt: skip


def gemma3(draw: Random) -> Keys:
    keys = gemma2(draw)
    del keys["attn_logit_softcapping"], keys["final_logit_softcapping"]
    whole, local = (rope(draw, *more)["rope_parameters"] for more in (("linear",), ()))
    return keys | {"rope_parameters": {"full_attention": whole, "sliding_attention": local}}


def granite(draw: Random) -> Keys:
    scales = ("attention_multiplier", "embedding_multiplier", "residual_multiplier", "logits_scaling")
    return llama_shaped(draw) | {name: draw.uniform(0.2, 2) for name in scales}


def llama_shaped(draw: Random) -> Keys:
    return sizes(draw) | rms(draw) | rope(draw, *SCALED) | biases(draw, "attention_bias", "mlp_bias")


def olmo2(draw: Random) -> Keys:
    return sizes(draw) | rms(draw) | rope(draw, *SCALED) | biases(draw, "attention_bias")


def stablelm(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | biases(draw, "use_qkv_bias", "qk_layernorm", "use_parallel_residual")
    return keys | rope(draw, "linear", **partial(draw, dim_of(keys)))


def starcoder2(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw, "norm_epsilon") | rope(draw, *SCALED) | biases(draw, "use_bias")
    return keys | {"sliding_window": window(draw) if chance(draw) else None}


def cohere(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | rope(draw, *SCALED) | biases(draw, "attention_bias", "use_qk_norm")
    return keys | {"logit_scale": draw.uniform(0.05, 2)}


def phi(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | biases(draw, "qk_layernorm")
    return keys | rope(draw, "linear", **partial(draw, dim_of(keys)))


def gpt2(draw: Random) -> Keys:
    count, _, dim = heads(draw, (1, 3, 7, 8, 11))
    return {
        "n_embd": count * dim, "n_head": count, "n_layer": depth(draw), "n_positions": CONTEXT,
        "n_inner": draw.choice([None, ffn(draw)]), "activation_function": draw.choice(ACTIVATIONS),
        "tie_word_embeddings": chance(draw), **tokens(draw), **layer_norm(draw, "layer_norm_epsilon"),
        **biases(draw, "scale_attn_weights", "scale_attn_by_inverse_layer_idx"),
    }  # fmt: skip


def gpt_neox(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | biases(draw, "attention_bias", "use_parallel_residual")
    del keys["num_key_value_heads"]
    return keys | rope(draw, "linear", **partial(draw, dim_of(keys)))


def falcon(draw: Random) -> Keys:
    count, kv_heads, dim = heads(draw)
    keys = {
        "hidden_size": count * dim, "num_attention_heads": count, "num_hidden_layers": depth(draw),
        "ffn_hidden_size": draw.choice([None, ffn(draw)]), "activation": draw.choice(ACTIVATIONS),
        "tie_word_embeddings": chance(draw), "max_position_embeddings": CONTEXT, **tokens(draw),
        **layer_norm(draw, "layer_norm_epsilon"), **biases(draw, "bias"), **rope(draw, "linear"),
    }  # fmt: skip
    if chance(draw):
        norms = draw.choice([1, 2])
        return keys | {"new_decoder_architecture": True, "num_kv_heads": kv_heads, "num_ln_in_parallel_attn": norms}
    return keys | biases(draw, "alibi", "multi_query", "parallel_attn")


def bloom(draw: Random) -> Keys:
    count, _, dim = heads(draw, (1, 3, 7, 8, 11))
    return {"hidden_size": count * dim, "n_head": count, "n_layer": depth(draw), "tie_word_embeddings": chance(draw),
            **tokens(draw), **layer_norm(draw, "layer_norm_epsilon")}  # fmt: skip


def opt(draw: Random) -> Keys:
    count, _, dim = heads(draw, (1, 3, 7, 8, 11))
    return {
        "hidden_size": count * dim, "num_attention_heads": count, "num_hidden_layers": depth(draw),
        "ffn_dim": ffn(draw), "max_position_embeddings": CONTEXT, "tie_word_embeddings": chance(draw), **tokens(draw),
        "activation_function": draw.choice(ACTIVATIONS),
        "word_embed_proj_dim": draw.choice([count * dim, 5, 20, 40]),
        **biases(draw, "do_layer_norm_before", "enable_bias", "_remove_final_layer_norm"),
    }  # fmt: skip


def experts(draw: Random, name: str) -> Keys:
    count = draw.choice([1, 2, 3, 5, 8])
    return {name: count, "num_experts_per_tok": draw.randint(1, count)}


def mixtral(draw: Random) -> Keys:
    keys = mistral(draw) | experts(draw, "num_local_experts")
    return {"head_dim": dim_of(keys)} | keys  # the reference's YaRN needs it


def _qwen_moe(draw: Random, keys: Keys) -> Keys:
    layers = keys["num_hidden_layers"]
    return keys | experts(draw, "num_experts") | {
        "moe_intermediate_size": ffn(draw), "norm_topk_prob": chance(draw),
        "decoder_sparse_step": draw.choice([1, 1, 2]), "mlp_only_layers": draw.choice([[], [draw.randrange(layers)]]),
    }  # fmt: skip


def qwen2_moe(draw: Random) -> Keys:
    keys = _qwen_moe(draw, qwen2(draw))
    return keys | {"shared_expert_intermediate_size": ffn(draw), **biases(draw, "qkv_bias")}


def qwen3_moe(draw: Random) -> Keys:
    keys = _qwen_moe(draw, qwen3(draw))
    keys.pop("layer_types", None)  # the reference reads none
    return keys


@dataclass(frozen=True)
class Family:
    config: Callable[..., hf.PretrainedConfig]
    keys: Callable[[Random], Keys]

    def row(self, name: str, seed: int) -> Row:
        """The family's configuration of this seed."""
        keys = self.keys(Random(f"{name} {seed}"))
        # The reference's eager attention adds ALiBi twice to Falcon; its default does not.
        return Row(f"{name}-{seed}", self.config, keys, plain={}, attention="sdpa" if keys.get("alibi") else "eager")


FAMILIES = {
    "bloom": Family(hf.BloomConfig, bloom),
    "cohere": Family(hf.CohereConfig, cohere),
    "falcon": Family(hf.FalconConfig, falcon),
    "gemma": Family(hf.GemmaConfig, gemma),
    "gemma2": Family(hf.Gemma2Config, gemma2),
    "gemma3": Family(hf.Gemma3TextConfig, gemma3),
    "gpt2": Family(hf.GPT2Config, gpt2),
    "gpt_neox": Family(hf.GPTNeoXConfig, gpt_neox),
    "granite": Family(hf.GraniteConfig, granite),
    "llama": Family(hf.LlamaConfig, llama),
    "mistral": Family(hf.MistralConfig, mistral),
    "mixtral": Family(hf.MixtralConfig, mixtral),
    "olmo2": Family(hf.Olmo2Config, olmo2),
    "opt": Family(hf.OPTConfig, opt),
    "phi": Family(hf.PhiConfig, phi),
    "phi3": Family(hf.Phi3Config, phi3),
    "qwen2": Family(hf.Qwen2Config, qwen2),
    "qwen2_moe": Family(hf.Qwen2MoeConfig, qwen2_moe),
    "qwen3": Family(hf.Qwen3Config, qwen3),
    "qwen3_moe": Family(hf.Qwen3MoeConfig, qwen3_moe),
    "smollm3": Family(hf.SmolLM3Config, smollm3),
    "stablelm": Family(hf.StableLmConfig, stablelm),
    "starcoder2": Family(hf.Starcoder2Config, starcoder2),
}
