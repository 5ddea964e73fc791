"""Rows of the families that rotate, and norm with means and biases."""

from random import Random
from typing import Any

import transformers as hf

from tests.parity.harness.decoders import BOUNDED, Family, Row, rope
from tests.parity.harness.draws import (
    SCALED,
    Keys,
    biases,
    chance,
    dim_of,
    layer_norm,
    partial,
    random_rope,
    sizes,
    window,
)


def _neox(name: str, **keys: Any) -> Row:
    wide = {"hidden_size": 64, "intermediate_size": 48}  # a quarter of each head rotates: 4 of 16
    return Row(f"neox-{name}", hf.GPTNeoXConfig, keys, plain={**BOUNDED, **wide})


def cohere(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | random_rope(draw, *SCALED) | biases(draw, "attention_bias", "use_qk_norm")
    return keys | {"logit_scale": draw.uniform(0.05, 2)}


def gpt_neox(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | biases(draw, "attention_bias", "use_parallel_residual")
    del keys["num_key_value_heads"]
    return keys | random_rope(draw, "linear", **partial(draw, dim_of(keys)))


def stablelm(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | biases(draw, "use_qkv_bias", "qk_layernorm", "use_parallel_residual")
    return keys | random_rope(draw, "linear", **partial(draw, dim_of(keys)))


def starcoder2(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw, "norm_epsilon") | random_rope(draw, *SCALED) | biases(draw, "use_bias")
    return keys | {"sliding_window": window(draw) if chance(draw) else None}


FAMILIES = {
    "cohere": Family(
        hf.CohereConfig,
        cohere,
        [
            Row("cohere", hf.CohereConfig),
            Row("cohere-plus", hf.CohereConfig, {"use_qk_norm": True}),
            Row("cohere-biased-untied", hf.CohereConfig, {"attention_bias": True, "tie_word_embeddings": False,
                                                          "logit_scale": 0.7}),
        ],
    ),
    "gpt_neox": Family(
        hf.GPTNeoXConfig,
        gpt_neox,
        [
            _neox("parallel"),
            _neox("sequential", use_parallel_residual=False, **rope("default", partial_rotary_factor=1.0)),
            _neox("unbiased-tied", attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_new"),
            _neox("linear", **rope("linear", factor=4.0, partial_rotary_factor=0.5)),
        ],
        # Activations are not written.
        without_gguf=("neox-unbiased-tied",),
        only_gguf=[_neox("unbiased-exact-gelu", attention_bias=False)],
    ),
    "stablelm": Family(
        hf.StableLmConfig,
        stablelm,
        [
            Row("stablelm", hf.StableLmConfig),
            Row("stablelm-biased-half", hf.StableLmConfig, {"use_qkv_bias": True,
                                                            **rope("default", partial_rotary_factor=0.5)}),
            Row("stablelm-qk-norm", hf.StableLmConfig, {"qk_layernorm": True, "num_key_value_heads": 4}),
            Row("stablelm-12b", hf.StableLmConfig, {"qk_layernorm": True, "use_parallel_residual": True}),
        ],
    ),
    "starcoder2": Family(
        hf.Starcoder2Config,
        starcoder2,
        [
            Row("starcoder2", hf.Starcoder2Config),
            Row("starcoder2-window", hf.Starcoder2Config, {"sliding_window": 7}),
            Row("starcoder2-unbiased-untied", hf.Starcoder2Config, {"use_bias": False, "tie_word_embeddings": False}),
        ],
    ),
}  # fmt: skip
