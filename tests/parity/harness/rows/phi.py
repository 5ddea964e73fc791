"""Rows of Phi: partly rotated heads, LongRoPE, fused tensors."""

from random import Random

import transformers as hf

from tests.parity.harness.decoders import Family, Row, rope
from tests.parity.harness.draws import (
    CONTEXT,
    Keys,
    biases,
    chance,
    dim_of,
    layer_norm,
    partial,
    random_rope,
    rms,
    sizes,
    window,
)


def _longrope(original: int) -> Keys:
    factors = {"short_factor": [1.0 + 0.1 * i for i in range(4)], "long_factor": [2.0 + 0.3 * i for i in range(4)]}
    scaling = rope("longrope", original_max_position_embeddings=original, **factors)
    return {"original_max_position_embeddings": original, **scaling}


def phi(draw: Random) -> Keys:
    keys = sizes(draw) | layer_norm(draw) | biases(draw, "qk_layernorm")
    return keys | random_rope(draw, "linear", **partial(draw, dim_of(keys)))


def phi3(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | {"sliding_window": window(draw) if chance(draw) else None}
    share = partial(draw, dim_of(keys))
    keys |= random_rope(draw, **share)
    if chance(draw):  # past its original length from the third token on, or never
        pairs, original = int(dim_of(keys) * share["partial_rotary_factor"]) // 2, draw.choice([2, CONTEXT])
        factors = {name: [draw.uniform(1, 4) for _ in range(pairs)] for name in ("short_factor", "long_factor")}
        keys["rope_parameters"] |= {"rope_type": "longrope", "original_max_position_embeddings": original, **factors}
        keys["original_max_position_embeddings"] = original
    return keys


FAMILIES = {
    "phi": Family(
        hf.PhiConfig,
        phi,
        [
            Row("phi", hf.PhiConfig),
            Row("phi-2", hf.PhiConfig, {"hidden_size": 64, **rope("default", partial_rotary_factor=0.4)}),
            Row("phi-qk-norm", hf.PhiConfig, {"qk_layernorm": True, "num_key_value_heads": 4}),
        ],
        # Norms of q and k are unknown to the format.
        without_gguf=("phi-qk-norm",),
    ),
    "phi3": Family(
        hf.Phi3Config,
        phi3,
        [
            Row("phi3", hf.Phi3Config),
            Row("phi3-window", hf.Phi3Config, {"sliding_window": 7}),
            Row("phi3-longrope-long", hf.Phi3Config, _longrope(16)),
            Row("phi3-longrope-short", hf.Phi3Config, _longrope(40)),
            Row("phi4-mini-partial", hf.Phi3Config, {"hidden_size": 64, **rope("default", partial_rotary_factor=0.75)}),
        ],
    ),
}  # fmt: skip
