"""Whatever stands in a configuration or a GGUF header: a Spec, or an error of litz's that names the place, soon."""

import random
from typing import Any

import pytest

from litz.architectures import MODEL_TYPES, family, gguf
from litz.checkpoint import read_spec
from litz.config import Config
from litz.errors import ConfigError, LitzError, UnsupportedError
from litz.spec import Spec

ANYTHING: list[Any] = [
    0,
    -1,
    1,
    2**63,
    1e308,
    float("nan"),
    float("inf"),
    "x",
    "",
    [],
    [1, 2],
    None,
    True,
    False,
    {},
    3.5,
]
PLAIN: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 97, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "layer_types": None, "sliding_window": 7,
    "use_sliding_window": True, "head_dim": None, "hidden_act": "silu", "query_pre_attn_scalar": 16,
    "rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0,
                        "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
}  # fmt: skip
HEADER: dict[str, Any] = {
    "general.architecture": "llama", "llama.context_length": 64, "llama.embedding_length": 32, "llama.block_count": 3,
    "llama.feed_forward_length": 48, "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-6, "llama.rope.freq_base": 1e4, "llama.rope.dimension_count": 8,
    "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2.0, "split.count": 1,
}  # fmt: skip


def spec_or_error(values: dict[str, Any]) -> Spec | None:
    try:
        found = family(values.get("model_type"))
        return read_spec(Config(values), found, where="config.json", strict=False)
    except LitzError:
        return None


@pytest.mark.parametrize("model_type", sorted(MODEL_TYPES))
@pytest.mark.filterwarnings("ignore:.*unknown keys")
def test_any_value_under_any_key_of_a_configuration(model_type: str) -> None:
    draw = random.Random(model_type)
    for _ in range(300):
        values = {**PLAIN, "model_type": model_type, "rope_parameters": dict(PLAIN["rope_parameters"])}
        keys = {*values, *family(model_type).defaults, *family(model_type).aliases.values()}
        for key in draw.sample(sorted(keys - {"model_type"}), 2):
            values[key] = draw.choice([*ANYTHING, "full_attention", ["sliding_attention"] * 3])
        if isinstance(values["rope_parameters"], dict):
            inner = draw.choice([*PLAIN["rope_parameters"], "partial_rotary_factor", "short_factor"])
            values["rope_parameters"][inner] = draw.choice([*ANYTHING, "yarn", "longrope", "linear", [1.0] * 4])
        spec_or_error(values)
    assert spec_or_error({**PLAIN, "model_type": model_type}) is not None or model_type == "phi3"


def test_any_value_under_any_key_of_a_gguf_header() -> None:
    draw, made = random.Random(7), 0
    for _ in range(3000):
        header = dict(HEADER)
        for key in draw.sample(sorted(header), 2):
            header[key] = draw.choice([*ANYTHING, "yarn", "gemma3", "qwen2", "phi3"])
        try:
            values = gguf.config(header, {"token_embd.weight": (97, 32)}, floats=lambda name: [1.0], where="m.gguf")
        except LitzError:
            continue
        made += spec_or_error(values) is not None
    assert made > 10


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_hidden_layers", 2**40), ("head_dim", 2**40), ("vocab_size", 2**62), ("hidden_size", 2**62)],
)
def test_a_size_beyond_any_model_is_refused_at_once(key: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{key} must be an integer from 1 to"):
        read_spec(Config({**PLAIN, "model_type": "llama", key: value}), family("llama"), where="config.json")


def test_a_head_too_wide_is_refused_at_once() -> None:
    with pytest.raises((ConfigError, UnsupportedError), match=r"a head|hidden_size"):
        read_spec(Config({**PLAIN, "model_type": "llama", "hidden_size": 2**30}), family("llama"), where="config.json")
