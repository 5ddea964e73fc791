"""Values of a Llama's configuration, right and wrong: what the reference computes from them, or the key's error."""

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import litz
from litz.errors import ConfigError, LitzError
from tests.parity.harness.decoders import relative_error

SIZES = {"vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "max_position_embeddings": 32}  # fmt: skip
IDS = torch.tensor([[3, 5, 7, 11, 2, 4, 6, 8, 9, 1]])
WRONG = [-1, 0, 0.0, -0.5, math.nan, math.inf, -math.inf, 10**400, "x", "", [], [1], True, {"a": 1}]
FEW = settings(
    max_examples=80, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A llama of random weights; each test writes its own config.json."""
    path = tmp_path_factory.mktemp("llama")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = hf.LlamaForCausalLM(hf.LlamaConfig(**SIZES, tie_word_embeddings=False))
        for parameter in model.parameters():
            parameter.data.normal_(0, 0.3).add_(float(parameter.ndim == 1))
    model.save_pretrained(path)
    logging.disable(logging.WARNING)  # the reference logs much about odd values
    yield path
    logging.disable(logging.NOTSET)


def configure(folder: Path, **changes: Any) -> None:
    plain = {**SIZES, "model_type": "llama", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps({**plain, **changes}))


def load(folder: Path) -> litz.NativeCausalLM:
    return litz.AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=1)


def error_of(folder: Path) -> float:
    """How far litz is from the reference; both must load."""
    reference = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    with torch.no_grad():
        return relative_error(load(folder)(IDS).logits, reference(IDS).logits)


NUMBER = st.sampled_from([0.25, 0.5, 1, 2, 4.0, 8, 16, 32, 100, 10000.0])
FACTORS = st.lists(st.sampled_from([1.0, 2, 3.5]), min_size=4, max_size=4)
NEEDED = {
    "default": (), "linear": ("factor",), "dynamic": ("factor",), "yarn": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"), "longrope": ("short_factor", "long_factor"),
}  # fmt: skip
OPTIONAL = ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "rope_theta", "factor",
            "low_freq_factor", "finetuned")  # fmt: skip


@st.composite
def scalings(draw: st.DrawFn) -> dict[str, Any]:
    """A rope scaling with the numbers that it needs, and some of its own and of other scalings."""
    kind = draw(st.sampled_from(sorted(NEEDED)))
    keys = {*NEEDED[kind], *draw(st.sets(st.sampled_from(OPTIONAL), max_size=3))}
    made: dict[str, Any] = {draw(st.sampled_from(["rope_type", "type"])): kind}
    made |= {key: draw(FACTORS if key.endswith(("t_factor", "g_factor")) else NUMBER) for key in sorted(keys)}
    if kind in ("llama3", "yarn", "longrope") and draw(st.booleans()):
        made["original_max_position_embeddings"] = draw(st.sampled_from([4, 16, 20]))
    if kind == "yarn" and draw(st.booleans()):
        made["truncate"] = draw(st.booleans())
    return made | ({"attention_factor": float(made["attention_factor"])} if "attention_factor" in made else {})


@FEW
@given(scaling=scalings(), key=st.sampled_from(["rope_scaling", "rope_parameters"]), theta=st.none() | NUMBER,
       original=st.sampled_from([None, None, 8]))  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*keys without effect here")
def test_scalings_compute_what_the_reference_computes(
    folder: Path, scaling: dict[str, Any], key: str, theta: float | None, original: int | None
) -> None:
    beside = {"rope_theta": theta, "original_max_position_embeddings": original}
    configure(folder, **{key: scaling}, **{name: value for name, value in beside.items() if value is not None})
    try:
        load(folder)
    except ConfigError as refused:
        said = str(refused)
    else:
        assert error_of(folder) < 1e-4
        return
    # What the reference would rotate by numbers that are none, or by less than what it needs
    assert any(name in said for name in (*scaling, "rope_theta", "original_max_position_embeddings"))
    assert theta == 1 or scaling.get("rope_theta") == 1 or original is not None


READ = [*SIZES, "rms_norm_eps", "hidden_act", "head_dim", "attention_bias", "mlp_bias", "rope_theta", "rope_scaling",
        "rope_parameters", "tie_word_embeddings", "partial_rotary_factor",
        "original_max_position_embeddings"]  # fmt: skip
RIGHT = {"attention_bias": (True,), "mlp_bias": (True,), "tie_word_embeddings": (True,), "rms_norm_eps": (0, 0.0),
         "original_max_position_embeddings": (1,)}  # fmt: skip


@pytest.mark.parametrize("key", READ)
def test_a_value_that_no_model_has_is_named(folder: Path, key: str) -> None:
    for value in WRONG:
        if any(type(value) is type(right) and value == right for right in RIGHT.get(key, ())):
            continue
        configure(folder, **{key: value})
        with pytest.raises(LitzError, match=key):
            load(folder)


@pytest.mark.parametrize("key", ["factor", "rope_theta", "low_freq_factor", "high_freq_factor",
                                 "original_max_position_embeddings"])  # fmt: skip
@pytest.mark.parametrize("value", [value for value in WRONG if value is not None])
def test_a_number_inside_a_scaling_that_is_none_is_named(folder: Path, key: str, value: object) -> None:
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    configure(folder, rope_parameters={**scaling, key: value})
    with pytest.raises(ConfigError, match=key):
        load(folder)


def test_a_parameter_that_no_scaling_has_is_refused(folder: Path) -> None:
    configure(folder, rope_scaling={"rope_type": "linear", "factor": 2.0, "spiral": 3})
    with pytest.raises(ConfigError, match=r"rope_scaling\.spiral = 3"):
        load(folder)


def test_a_parameter_of_another_scaling_is_named(folder: Path) -> None:
    configure(folder, rope_scaling={"rope_type": "linear", "factor": 2.0, "beta_fast": 3})
    with pytest.warns(UserWarning, match=r"rope_scaling\.beta_fast"):
        load(folder)


@pytest.mark.parametrize("high", [0.5, 1.0, 4.0])
def test_llama3_takes_any_order_of_its_factors(folder: Path, high: float) -> None:
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": high,
               "original_max_position_embeddings": 16, "rope_theta": 10000.0}  # fmt: skip
    configure(folder, rope_scaling=scaling)
    assert error_of(folder) < 1e-4


# Keys that configurations of Llama really carry, with values that change nothing
HARMLESS = {
    "max_window_layers": 28, "neftune_noise_alpha": 5, "use_flash_attn": True, "flash_attn": True, "rotary_pct": 1.0,
    "_flash_attn_2_enabled": True, "type_vocab_size": 2, "layer_types": ["full_attention"] * 2, "rope_scaling": None,
    "attention_dropout": 0.1, "pretraining_tp": 2, "use_cache": False, "torch_dtype": "float16", "head_dim": 8,
    "partial_rotary_factor": 1.0, "sliding_window": None, "rope_parameters": {},
}  # fmt: skip


@pytest.mark.parametrize("key", HARMLESS)
@pytest.mark.filterwarnings("error")
def test_a_value_that_changes_nothing_is_accepted(folder: Path, key: str) -> None:
    configure(folder)
    expected = load(folder)(IDS).logits
    configure(folder, **{key: HARMLESS[key]})
    assert torch.equal(load(folder)(IDS).logits, expected)


@pytest.mark.parametrize(("key", "value"), [("rotary_pct", 0.5), ("partial_rotary_factor", 0.5),
                                            ("layer_types", ["full_attention", "sliding_attention"])])  # fmt: skip
def test_the_same_keys_with_a_meaning_are_refused(folder: Path, key: str, value: object) -> None:
    configure(folder, **{key: value})
    with pytest.raises(ConfigError, match=key):
        load(folder)
