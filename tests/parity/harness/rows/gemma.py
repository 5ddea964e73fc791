"""Rows of Gemma 1 to 3: wide heads, softcaps, windows and two bases of the rotary frequencies."""

from random import Random

import transformers as hf

from tests.parity.harness.decoders import Family, Row
from tests.parity.harness.draws import Keys, layer_types, random_rope, rms, sizes, window

GEMMA3_SCALED = {
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
}
GEMMA = {"head_dim": 16, "hidden_size": 32}
SLIDING = {"query_pre_attn_scalar": 24, "sliding_window": 7}


def gemma(draw: Random) -> Keys:
    return sizes(draw, own_head=True) | rms(draw) | random_rope(draw) | {"hidden_act": "gelu_pytorch_tanh"}


def gemma2(draw: Random) -> Keys:
    keys = sizes(draw, own_head=True) | rms(draw) | random_rope(draw)
    del keys["hidden_act"]
    return keys | {
        "query_pre_attn_scalar": draw.choice([4, 24, 144]), "sliding_window": window(draw),
        "layer_types": layer_types(draw, keys), "attn_logit_softcapping": draw.choice([None, 2.0, 50.0]),
        "final_logit_softcapping": draw.choice([None, 1.0, 30.0]),
    }  # fmt: skip


def gemma3(draw: Random) -> Keys:
    keys = gemma2(draw)
    del keys["attn_logit_softcapping"], keys["final_logit_softcapping"]
    whole, local = (random_rope(draw, *more)["rope_parameters"] for more in (("linear",), ()))
    return keys | {"rope_parameters": {"full_attention": whole, "sliding_attention": local}}


FAMILIES = {
    "gemma": Family(
        hf.GemmaConfig,
        gemma,
        [
            Row("gemma", hf.GemmaConfig, GEMMA),
        ],
        published={"query_pre_attn_scalar": 16},
    ),
    "gemma2": Family(
        hf.Gemma2Config,
        gemma2,
        [
            Row("gemma2", hf.Gemma2Config, {**GEMMA, **SLIDING}),
            Row("gemma2-uncapped", hf.Gemma2Config, {**GEMMA, **SLIDING, "attn_logit_softcapping": None,
                                                     "final_logit_softcapping": None}),
        ],
        published={"query_pre_attn_scalar": 16},
        # A header without softcaps means the usual ones.
        without_gguf=("gemma2-uncapped",),
    ),
    "gemma3": Family(
        hf.Gemma3TextConfig,
        gemma3,
        [
            Row("gemma3", hf.Gemma3TextConfig, {**GEMMA, **SLIDING, "num_hidden_layers": 7}),
            Row("gemma3-linear", hf.Gemma3TextConfig, {**GEMMA, **SLIDING, **GEMMA3_SCALED, "num_hidden_layers": 7}),
        ],
        published={"query_pre_attn_scalar": 16},
    ),
}  # fmt: skip
