"""Rows of Llama and the families that differ from it by a norm, a window or a factor."""

from random import Random

import transformers as hf

from tests.parity.harness.decoders import LLAMA3, Family, Row, rope
from tests.parity.harness.draws import SCALED, Keys, biases, chance, random_rope, rms, sizes, window

BIASED = {"attention_bias": True, "mlp_bias": True}
GRANITE = {"attention_multiplier": 0.3, "embedding_multiplier": 7.0, "residual_multiplier": 0.4, "logits_scaling": 3.0}


def llama(draw: Random) -> Keys:
    own = chance(draw)
    keys = sizes(draw, own_head=own) | rms(draw) | random_rope(draw, *SCALED)
    return keys | biases(draw, "attention_bias", "mlp_bias")


def llama_shaped(draw: Random) -> Keys:
    return sizes(draw) | rms(draw) | random_rope(draw, *SCALED) | biases(draw, "attention_bias", "mlp_bias")


def mistral(draw: Random) -> Keys:
    found = sizes(draw, own_head=chance(draw)) | rms(draw) | random_rope(draw, *SCALED)
    return found | {"sliding_window": window(draw) if chance(draw) else None}


def smollm3(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | random_rope(draw, *SCALED) | biases(draw, "attention_bias", "mlp_bias")
    return keys | {"no_rope_layers": [draw.choice([0, 1]) for _ in range(keys["num_hidden_layers"])]}


def granite(draw: Random) -> Keys:
    scales = ("attention_multiplier", "embedding_multiplier", "residual_multiplier", "logits_scaling")
    return llama_shaped(draw) | {name: draw.uniform(0.2, 2) for name in scales}


def olmo2(draw: Random) -> Keys:
    return sizes(draw) | rms(draw) | random_rope(draw, *SCALED) | biases(draw, "attention_bias")


FAMILIES = {
    "llama": Family(
        hf.LlamaConfig,
        llama,
        [
            Row("llama-2", hf.LlamaConfig),
            Row("llama-3", hf.LlamaConfig, LLAMA3),
            Row("llama-linear", hf.LlamaConfig, rope("linear", factor=4.0)),
            Row("llama-yarn", hf.LlamaConfig, rope("yarn", factor=4.0, original_max_position_embeddings=16)),
            Row("llama-dynamic", hf.LlamaConfig, rope("dynamic", factor=2.0)),
            Row("llama-biased-tied", hf.LlamaConfig, {**BIASED, "tie_word_embeddings": True}),
            Row("llama-multi-query", hf.LlamaConfig, {"num_key_value_heads": 1, "intermediate_size": 51}),
            Row("llama-odd-widths", hf.LlamaConfig, {"hidden_size": 42, "num_attention_heads": 3,
                                                     "num_key_value_heads": 3}),
        ],
        # GGUF has no key for dynamic scaling.
        without_gguf=("llama-dynamic",),
    ),
    "mistral": Family(
        hf.MistralConfig,
        mistral,
        [
            Row("mistral-window", hf.MistralConfig, {"sliding_window": 7}),
            Row("mistral-head-dim", hf.MistralConfig, {"sliding_window": None, "head_dim": 24}),
        ],
    ),
    "smollm3": Family(
        hf.SmolLM3Config,
        smollm3,
        [
            Row("smollm3", hf.SmolLM3Config, {"num_hidden_layers": 5}),
        ],
    ),
    "granite": Family(
        hf.GraniteConfig,
        granite,
        [
            Row("granite", hf.GraniteConfig, GRANITE),
            Row("granite-biased-tied", hf.GraniteConfig, {**GRANITE, "attention_bias": True, "mlp_bias": True,
                                                          "tie_word_embeddings": True}),
        ],
    ),
    "olmo2": Family(
        hf.Olmo2Config,
        olmo2,
        [
            Row("olmo2", hf.Olmo2Config),
            Row("olmo2-biased-yarn", hf.Olmo2Config, {**rope("yarn", factor=4.0, original_max_position_embeddings=16),
                                                      "attention_bias": True, "tie_word_embeddings": True}),
        ],
    ),
}  # fmt: skip
