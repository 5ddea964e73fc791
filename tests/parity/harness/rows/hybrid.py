"""Rows of the families whose layers differ in kind: LFM2's short convolutions and attention."""

from random import Random

import transformers as hf

from tests.parity.harness.decoders import LLAMA3, Family, Row
from tests.parity.harness.draws import SCALED, Keys, biases, chance, random_rope, sizes

MIXED = {"layer_types": ["conv", "full_attention", "conv"], "block_auto_adjust_ff_dim": False}


def lfm2(draw: Random) -> Keys:
    keys = sizes(draw) | random_rope(draw, *SCALED) | biases(draw, "conv_bias")
    keys.pop("hidden_act")
    kinds = [draw.choice(["conv", "full_attention"]) for _ in range(keys["num_hidden_layers"])]
    kinds[-1] = "full_attention"  # the reference's cache needs one
    adjusted = {"block_auto_adjust_ff_dim": chance(draw), "block_multiple_of": draw.choice([1, 8, 32]),
                "block_ffn_dim_multiplier": draw.choice([0.7, 1.0, 1.3])}  # fmt: skip
    return keys | adjusted | {"layer_types": kinds, "conv_L_cache": draw.choice([1, 2, 3, 4, 7]),
                              "norm_eps": draw.choice([1e-6, 1e-5, 1e-2])}  # fmt: skip


FAMILIES = {
    "lfm2": Family(
        hf.Lfm2Config,
        lfm2,
        [
            Row("lfm2", hf.Lfm2Config, MIXED),
            Row("lfm2-biased-untied", hf.Lfm2Config, {**MIXED, **LLAMA3, "conv_bias": True, "conv_L_cache": 5,
                                                      "tie_word_embeddings": False}),
            Row("lfm2-adjusted", hf.Lfm2Config, {"full_attn_idxs": [2], "conv_L_cache": 1,
                                                           "block_multiple_of": 16, "block_ffn_dim_multiplier": 1.2}),
        ],
        # GGUF has no tensors for the biases.
        without_gguf=("lfm2-biased-untied",),
    ),
}  # fmt: skip
