"""Whatever stands in a GGUF header of any architecture: a Spec, or an error of litz's that names the file, soon."""

import random
from typing import Any

import pytest

from litz.architectures import family, gguf
from litz.architectures.gguf import FACTS
from litz.checkpoint import read_spec
from litz.config import Config
from litz.errors import LitzError
from litz.spec import Spec
from tests.security.test_hostile_configs import ANYTHING

OWN: dict[str, Any] = {
    "context_length": 64, "embedding_length": 32, "block_count": 3, "feed_forward_length": 128,
    "attention.head_count": 4, "attention.head_count_kv": 4, "attention.layer_norm_rms_epsilon": 1e-6,
    "rope.freq_base": 1e4, "rope.dimension_count": 8, "attention.key_length": 8, "attention.value_length": 8,
}  # fmt: skip
LAYER_NORM = ("bert", "bloom", "command-r", "falcon", "gpt2", "gptneox", "jina-bert-v3", "modern-bert", "nomic-bert",
              "phi2", "stablelm", "starcoder2")  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "command-r": {"logit_scale": 0.5},
    "granite": {"logit_scale": 3.0, "attention.scale": 0.3, "embedding_scale": 2.0, "residual_scale": 0.5},
    "gpt-oss": {"expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 16,
                "attention.sliding_window": 7},
    "lfm2": {"shortconv.l_cache": 3, "attention.head_count_kv": [4, 0, 4]},
    "gptneox": {"use_parallel_residual": False},
    "qwen2moe": {"expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 16,
                 "expert_shared_feed_forward_length": 16},
    "qwen3moe": {"expert_count": 4, "expert_used_count": 2, "expert_weights_norm": True},
    "gemma2": {"attention.sliding_window": 7},
    "gemma-embedding": {"attention.sliding_window": 8},
    "modern-bert": {"attention.sliding_window": 8, "attention.sliding_window_pattern": 2},
    "gemma3": {"attention.sliding_window": 7, "attention.sliding_window_pattern": [True, True, False]},
}  # fmt: skip


def own_keys(arch: str) -> dict[str, Any]:
    keys = {**OWN, **MORE.get(arch, {})}
    if arch in LAYER_NORM:
        keys["attention.layer_norm_epsilon"] = keys.pop("attention.layer_norm_rms_epsilon")
    if arch in ("bert", "bloom", "gpt2"):
        keys = {key: value for key, value in keys.items() if not key.startswith("rope")}
    return keys


def spec_of(arch: str, own: dict[str, Any]) -> Spec:
    header = {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in own.items()}}
    values = gguf.config(header, {"token_embd.weight": (97, 32)}, floats=lambda name: [1.0], where="model.gguf")
    found = family(values["model_type"])
    return read_spec(Config(values, spelled=gguf.spelled(arch)), found, where="model.gguf")


@pytest.mark.parametrize("arch", FACTS)
def test_any_value_under_any_key_of_a_header(arch: str) -> None:
    draw = random.Random(arch)
    assert spec_of(arch, own_keys(arch)).width == 32
    for _ in range(300):
        own = own_keys(arch)
        for key in draw.sample(sorted(own), 2):
            own[key] = draw.choice([*ANYTHING, [4, 4, 4], [4, 8, 4], [[1], [1]], "yarn", b"\xff"])
        said = f"{arch}."
        try:
            spec_of(arch, own)
        except LitzError as error:
            said = str(error)
        assert f"{arch}." in said, said
