"""Rows of the families with experts: fewer are chosen than there are, and some layers are dense."""

from random import Random
from typing import Any

import transformers as hf

from tests.parity.harness.decoders import LLAMA3, Family, Row, rope
from tests.parity.harness.draws import (
    SCALED,
    Keys,
    biases,
    chance,
    dim_of,
    ffn,
    layer_types,
    random_rope,
    rms,
    sizes,
    window,
)
from tests.parity.harness.rows.llama import mistral
from tests.parity.harness.rows.qwen import qwen2, qwen3

MIXTRAL = {"num_local_experts": 5, "num_experts_per_tok": 2}
SPARSE = {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 20}
SHARED = {**SPARSE, "shared_expert_intermediate_size": 28}
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16)
CLAMPED = {"num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 7, "head_dim": 16,
           "swiglu_limit": 0.7}  # fmt: skip
SLIDING = {"use_sliding_window": True, "sliding_window": 7}


def _qwen3(name: str, **keys: Any) -> Row:
    return Row(f"qwen3-moe-{name}", hf.Qwen3MoeConfig, {**SPARSE, "head_dim": 16, **keys})


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


def gpt_oss(draw: Random) -> Keys:
    keys = sizes(draw, own_head=True) | rms(draw) | random_rope(draw, *SCALED) | biases(draw, "attention_bias")
    keys |= experts(draw, "num_local_experts") | {"hidden_act": "silu", "swiglu_limit": draw.choice([0.5, 2.0, 7.0])}
    return keys | {"sliding_window": window(draw), "layer_types": layer_types(draw, keys)}


FAMILIES = {
    "mixtral": Family(
        hf.MixtralConfig,
        mixtral,
        [
            Row("mixtral", hf.MixtralConfig, MIXTRAL),
            Row("mixtral-window-tied", hf.MixtralConfig, {**MIXTRAL, "sliding_window": 7, "head_dim": 12,
                                                          "tie_word_embeddings": True}),
            Row("mixtral-llama3-all-chosen", hf.MixtralConfig, {**MIXTRAL, **LLAMA3, "num_experts_per_tok": 5}),
        ],
    ),
    "qwen2_moe": Family(
        hf.Qwen2MoeConfig,
        qwen2_moe,
        [
            Row("qwen2-moe", hf.Qwen2MoeConfig, SHARED),
            Row("qwen2-moe-dense-first", hf.Qwen2MoeConfig, {**SHARED, "mlp_only_layers": [0], "norm_topk_prob": True}),
            Row("qwen2-moe-window-unbiased", hf.Qwen2MoeConfig, {**SHARED, **SLIDING, "max_window_layers": 2,
                                                                 "qkv_bias": False, "num_experts_per_tok": 1}),
        ],
        published={"norm_topk_prob": False},
        # Windows are every layer's, and biases are those of the family.
        without_gguf=("qwen2-moe-window-unbiased",),
    ),
    "qwen3_moe": Family(
        hf.Qwen3MoeConfig,
        qwen3_moe,
        [
            _qwen3("normalised", norm_topk_prob=True),
            _qwen3("every-second", decoder_sparse_step=2, **YARN),
            _qwen3("window-biased-tied", attention_bias=True, tie_word_embeddings=True, **SLIDING),
        ],
        published={"norm_topk_prob": True},
        # Windows are every layer's, and there are no biases.
        without_gguf=("qwen3-moe-window-biased-tied",),
    ),
    "gpt_oss": Family(
        hf.GptOssConfig,
        gpt_oss,
        [
            Row("gpt-oss", hf.GptOssConfig, {**CLAMPED, **rope("yarn", factor=4.0, truncate=False,
                                                               original_max_position_embeddings=16)}),
            Row("gpt-oss-unbiased-tied", hf.GptOssConfig, {
                **CLAMPED, "attention_bias": False, "tie_word_embeddings": True,
                "layer_types": ["full_attention", "full_attention", "sliding_attention"],
            }),
        ],
        published={"swiglu_limit": 7.0},
        # Which layers slide is every model's; and biases are those of the family.
        without_gguf=("gpt-oss-unbiased-tied",),
    ),
}  # fmt: skip
