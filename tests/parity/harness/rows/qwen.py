"""Rows of Qwen 2 and 3, with windows and normed heads."""

from random import Random

import transformers as hf

from tests.parity.harness.decoders import Family, Row, rope
from tests.parity.harness.draws import SCALED, Keys, biases, chance, layer_types, random_rope, rms, sizes, window


def _qwen_windows(draw: Random, keys: Keys) -> Keys:
    if chance(draw):
        return {"use_sliding_window": False, "sliding_window": 3}
    return {"use_sliding_window": True, "sliding_window": window(draw), "layer_types": layer_types(draw, keys)}


def qwen2(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | random_rope(draw, *SCALED)
    return keys | _qwen_windows(draw, keys)


def qwen3(draw: Random) -> Keys:
    keys = sizes(draw, own_head=True) | rms(draw) | random_rope(draw, *SCALED) | biases(draw, "attention_bias")
    return keys | _qwen_windows(draw, keys)


FAMILIES = {
    "qwen2": Family(
        hf.Qwen2Config,
        qwen2,
        [
            Row("qwen2", hf.Qwen2Config),
            Row("qwen2-window", hf.Qwen2Config, {"use_sliding_window": True, "sliding_window": 7,
                                                 "max_window_layers": 1}),
            Row("qwen2-yarn", hf.Qwen2Config, rope("yarn", factor=4.0, original_max_position_embeddings=16)),
        ],
        # Windows are every layer's.
        without_gguf=("qwen2-window",),
    ),
    "qwen3": Family(
        hf.Qwen3Config,
        qwen3,
        [
            Row("qwen3", hf.Qwen3Config, {"head_dim": 16}),
            Row("qwen3-tied-biased", hf.Qwen3Config, {"head_dim": 16, "attention_bias": True,
                                                      "tie_word_embeddings": True}),
        ],
    ),
}  # fmt: skip
