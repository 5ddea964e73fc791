"""Every key of a GGUF header is used, refused by its name, or ignored for a reason that this file gives."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import gguf as reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litz.architectures import family, gguf
from litz.architectures.gguf_families import FACTS
from litz.checkpoint import read_spec
from litz.config import Config
from litz.errors import ConfigError, LitzError
from litz.spec import Spec, attention
from tests.security.test_hostile_headers import own_keys

QUICK = settings(max_examples=150, derandomize=True, deadline=None)
HEAD, CONTEXT = 8, 64


def spec_of(arch: str, own: dict[str, Any], **tensors: list[float]) -> Spec:
    """The Spec of a header of three layers; `tensors` are small ones, by their names without `.weight`."""
    header = {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in own.items()}}
    routers = {f"blk.{i}.ffn_gate_inp.weight": (4, 32) for i in range(3) if arch.endswith("moe")}
    small = {f"{name}.weight": values for name, values in tensors.items()}
    shapes = {"token_embd.weight": (97, 32), **routers, **{name: (len(values),) for name, values in small.items()}}
    values = gguf.config(header, shapes, floats=lambda name: small[name], where="m.gguf")
    config = Config(values, defaults=family(values["model_type"]).defaults, spelled=gguf.spelled(arch))
    return read_spec(config, family(values["model_type"]), where="m.gguf")


def llama(**changes: Any) -> Spec:
    """The Spec of a small llama; `__` in a key stands for a dot, None removes the key."""
    own = own_keys("llama") | {key.replace("__", "."): value for key, value in changes.items()}
    return spec_of("llama", {key: value for key, value in own.items() if value is not None})


def names(group: type) -> Iterator[str]:
    """The keys of an architecture's own that the format's reference knows, without the prefix."""
    for value in vars(group).values():
        if isinstance(value, type):
            yield from names(value)
        elif isinstance(value, str) and value.startswith("{arch}.") and "{dense}" not in value:
            yield value.removeprefix("{arch}.")


KNOWN = sorted({*names(reference.Keys), "rope.scale_linear", "rope.local.freq_base", "something.unheard_of"})
# Keys that may have no effect, and why.
EXPLAINED = {
    "attention.sliding_window_pattern": "says what every model of the family is",
    "decoder_start_token_id": "there is no encoder",
    "feed_forward_length": "of the dense layers, where all have experts",
    "pooling_type": "of what is made of the hidden states, not of logits",
    "rope.scaling.finetuned": "how the model was trained",
    "rope.scaling.original_context_length": "read by YaRN and LongRoPE, which are not in use",
    "rope.scaling.type": "stretches nothing without a factor",
    "rope.scaling.yarn_beta_fast": "read by YaRN, which is not in use",
    "rope.scaling.yarn_beta_slow": "read by YaRN, which is not in use",
    "tensor_data_layout": "of the file that was converted",
    "use_parallel_residual": "the tensors say it",
}


def may_be_ignored(arch: str, key: str) -> bool:
    if key.startswith("expert_") and not arch.endswith(("moe", "gpt-oss")):
        return True  # there are no experts
    return key in EXPLAINED or (key.startswith("rope.") and arch in ("bloom", "gpt2"))


@pytest.mark.parametrize("arch", FACTS)
def test_no_key_is_passed_over(arch: str) -> None:
    whole = own_keys(arch)
    expected, passed_over = spec_of(arch, whole), []
    for key in KNOWN:
        for value in (7, 0.37, "yarn", [3, 3, 3]):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                try:
                    found = spec_of(arch, {**whole, key: value})
                except LitzError:
                    continue
            named = any(key in str(warning.message) for warning in said)
            if found == expected and not named and not may_be_ignored(arch, key) and whole.get(key) != value:
                passed_over.append((key, value))
    assert not passed_over


ANY = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.sampled_from([0, 1, 2, 3, 4, 8, 32, 64]), st.floats(width=32), st.booleans(),
    st.text(max_size=5), st.binary(max_size=3), st.lists(st.integers(-1, 9), max_size=4),
    st.lists(st.booleans(), min_size=3, max_size=3), st.sampled_from(["none", "linear", "yarn", "longrope"]),
)  # fmt: skip


@settings(QUICK, max_examples=300)
@given(
    arch=st.sampled_from(sorted(FACTS)), missing=st.sets(st.sampled_from(KNOWN), max_size=1),
    changes=st.dictionaries(st.sampled_from(KNOWN), ANY, min_size=1, max_size=3),
)  # fmt: skip
def test_any_values_of_any_keys_load_or_are_named(arch: str, changes: dict[str, Any], missing: set[str]) -> None:
    own = {key: value for key, value in {**own_keys(arch), **changes}.items() if key not in missing}
    said, spec = "", None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec = spec_of(arch, own)
    except LitzError as error:
        said = str(error)
    if spec is None:
        assert any(f"{arch}.{key}" in said for key in {*own, *missing, *own_keys(arch)}), said
    else:
        says = {"block_count": len(spec.layers), "context_length": spec.context, "embedding_length": spec.width}
        assert {key: own[key] for key in says} == says
        layer = attention(spec.layers[0])
        assert layer is not None
        for key, found in (("head_count", layer.heads), ("key_length", layer.head_dim)):
            value = own.get(f"attention.{key}", found)
            assert value in (found, [found] * len(spec.layers))
        (epsilon,) = (key for key in own_keys(arch) if key.endswith("_epsilon"))
        assert spec.main.norm.eps == own[epsilon]


@pytest.mark.parametrize("arch", FACTS)
def test_what_every_header_has_is_missed_by_name(arch: str) -> None:
    """As in llama.cpp, but for the feed-forward's size, which it reads off nothing, and numbers of heads."""
    needed = ["block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count"]
    needed += [key for key in own_keys(arch) if key.endswith("_epsilon")]
    needed += {"gptneox": ["use_parallel_residual"], "command-r": ["logit_scale"], "granite": ["logit_scale"],
               "gemma3": ["attention.sliding_window"], "lfm2": ["shortconv.l_cache"],
               "gpt-oss": ["attention.sliding_window", "expert_feed_forward_length"]}.get(arch, [])  # fmt: skip
    for key in needed:
        own = own_keys(arch)
        del own[key]
        with pytest.raises(ConfigError, match=rf"{arch}\.{key} is missing"):
            spec_of(arch, own)


class TestSizes:
    @pytest.mark.parametrize("arch", FACTS)
    def test_heads_without_a_length_share_the_width(self, arch: str) -> None:
        whole = own_keys(arch)
        own = {
            key: value for key, value in whole.items() if key not in ("attention.key_length", "attention.value_length")
        }
        assert spec_of(arch, own) == spec_of(arch, whole)

    def test_without_a_number_of_key_heads_there_is_one_for_each_query_head(self) -> None:
        assert llama(attention__head_count_kv=None) == llama(attention__head_count_kv=4)

    @pytest.mark.parametrize("key", ["attention__head_count", "attention__head_count_kv", "feed_forward_length"])
    def test_a_number_a_layer_is_that_number_if_all_are_equal(self, key: str) -> None:
        number = own_keys("llama")[key.replace("__", ".")]
        assert llama(**{key: [number] * 3}) == llama()
        for bad in ([number] * 2, [number] * 4, [], [number, number, "x"], [number, number, 0], [[number]] * 3):
            with pytest.raises(ConfigError, match=key.replace("__", ".")):
                llama(**{key: bad})
        with pytest.raises(LitzError, match=f"{key.replace('__', '.')} that differs from layer to layer"):
            llama(**{key: [number, number, 2]})

    def test_a_window_that_is_never_full_is_none(self) -> None:
        assert llama(attention__sliding_window=CONTEXT) == llama(attention__sliding_window=0) == llama()
        assert attention(llama(attention__sliding_window=CONTEXT - 1).layers[0]).mask.window == CONTEXT - 1

    def test_a_vocabulary_of_another_size_is_refused(self) -> None:
        assert llama(vocab_size=97) == llama()
        with pytest.raises(ConfigError, match=r"llama\.vocab_size is not the 97 rows"):
            llama(vocab_size=96)

    @pytest.mark.parametrize("period", [2, 3, 7])
    def test_a_period_of_windows_is_the_list_that_it_stands_for(self, period: int) -> None:
        own = own_keys("gemma3") | {"block_count": 14}
        flags = [(i + 1) % period != 0 for i in range(14)]
        key = "attention.sliding_window_pattern"
        assert spec_of("gemma3", {**own, key: period}) == spec_of("gemma3", {**own, key: flags})


class TestScaling:
    """`rope.scaling.*` as llama.cpp reads them."""

    @pytest.mark.parametrize("factor", [0.5, 2.0, 4, 8.0])
    def test_a_factor_without_a_type_is_linear(self, factor: float) -> None:
        linear = llama(rope__scaling__type="linear", rope__scaling__factor=factor)
        assert linear != llama()
        assert llama(rope__scaling__factor=factor) == linear
        assert llama(rope__scale_linear=factor) == linear
        assert llama(rope__scaling__factor=factor, rope__scale_linear=3.0) == linear
        assert llama(rope__scaling__type="longrope", rope__scaling__factor=factor) == linear

    @pytest.mark.parametrize("kind", ["linear", "yarn", "longrope", "none", None])
    @pytest.mark.parametrize("factor", [0.0, 1.0, None])
    def test_a_factor_of_0_or_1_stretches_nothing(self, kind: str | None, factor: float | None) -> None:
        assert llama(rope__scaling__type=kind, rope__scaling__factor=factor) == llama()

    def test_the_type_none_stretches_nothing(self) -> None:
        assert llama(rope__scaling__type="none", rope__scaling__factor=4.0) == llama()

    def test_the_older_key_counts_only_without_the_newer_one(self) -> None:
        assert llama(rope__scaling__factor=0.0, rope__scale_linear=2.0) == llama()

    def test_a_gain_of_one_changes_nothing(self) -> None:
        yarn = {"rope__scaling__type": "yarn", "rope__scaling__factor": 4.0,
                "rope__scaling__original_context_length": 16}  # fmt: skip
        assert llama(**yarn, rope__scaling__attn_factor=1.0) == llama(**yarn)
        assert llama(**yarn, rope__scaling__yarn_ext_factor=1.0, rope__scaling__yarn_attn_factor=1.0) == llama(**yarn)
        assert llama(**yarn, rope__scaling__yarn_beta_fast=32.0) == llama(**yarn)

    def test_the_original_context_is_the_context_where_it_is_not_written(self) -> None:
        yarn = {"rope__scaling__type": "yarn", "rope__scaling__factor": 4.0}
        assert llama(**yarn) == llama(**yarn, rope__scaling__original_context_length=CONTEXT)

    @pytest.mark.parametrize("key", ["yarn_ext_factor", "yarn_attn_factor", "yarn_log_multiplier", "alpha"])
    def test_what_is_not_computed_is_refused_by_name(self, key: str) -> None:
        yarn = {"rope__scaling__type": "yarn", "rope__scaling__factor": 4.0}
        with pytest.raises(ConfigError, match=rf"rope\.scaling\.{key} = 0\.7"):
            llama(**yarn, **{f"rope__scaling__{key}": 0.7})

    @pytest.mark.parametrize("bad", [[1.0], [1.0] * 5, [1.0, 1.0, 0.0, 1.0], [1.0, math.nan, 1.0, 1.0], [math.inf] * 4])
    def test_factors_that_are_none_are_named(self, bad: list[float]) -> None:
        with pytest.raises(ConfigError, match=r"rope_freqs\.weight must hold 4 positive numbers"):
            spec_of("llama", own_keys("llama"), rope_freqs=bad)

    def test_long_factors_need_short_ones(self) -> None:
        with pytest.raises(ConfigError, match=r"no tensor rope_factors_short\.weight"):
            spec_of("phi3", own_keys("phi3"), rope_factors_long=[1.0] * 4)

    def test_long_factors_without_numbers_beside_them_have_no_gain_and_begin_at_the_context(self) -> None:
        factors = {"rope_factors_long": [2.0] * 4, "rope_factors_short": [1.0] * 4}
        rope = attention(spec_of("phi3", own_keys("phi3"), **factors).layers[0]).rope
        assert rope.long is not None
        assert (rope.gain, rope.long.gain, rope.long.above) == (1.0, 1.0, CONTEXT)


NUMBERS = {
    "type": st.sampled_from([None, "none", "linear", "yarn", "longrope"]),
    "factor": st.sampled_from([None, 0.0, 0.5, 1.0, 2.0, 4.0, 7.5]),
    "attn_factor": st.sampled_from([None, 0.5, 1.0, 1.25]),
    "original_context_length": st.sampled_from([None, 4, 16, 48]),
    "yarn_beta_fast": st.sampled_from([None, 8.0, 32.0]),
    "yarn_beta_slow": st.sampled_from([None, 0.5, 1.0]),
}


def turned(position: float, pair: int, *, base: float, factors: list[float] | None, scaling: dict[str, Any]) -> complex:
    """cos + i sin of a pair of dimensions, as the format's reference implementation rotates it."""
    kind, factor = scaling.get("type") or "linear", scaling.get("factor") or 1.0
    scale = 1.0 if kind == "none" else 1 / factor
    extrapolated = position * base ** (-2 * pair / HEAD) / (factors[pair] if factors else 1.0)
    angle, gain = scale * extrapolated, scaling.get("attn_factor") or 1.0
    if kind == "yarn":
        original = scaling.get("original_context_length") or CONTEXT
        fast, slow = scaling.get("yarn_beta_fast") or 32.0, scaling.get("yarn_beta_slow") or 1.0
        low, high = (HEAD * math.log(original / (beta * 2 * math.pi)) / (2 * math.log(base)) for beta in (fast, slow))
        low, high = max(0, math.floor(low)), min(HEAD - 1, math.ceil(high))
        kept = 1 - min(1.0, max(0.0, (pair - low) / max(0.001, high - low)))
        angle = angle * (1 - kept) + extrapolated * kept
        gain *= 1 + 0.1 * math.log(factor) if factor > 1 else 1.0
    return gain * complex(math.cos(angle), math.sin(angle))


@settings(QUICK)
@given(
    base=st.sampled_from([100.0, 1e4, 5e5]), scaling=st.fixed_dictionaries(NUMBERS),
    factors=st.none() | st.lists(st.sampled_from([0.5, 1.0, 2.0, 7.0]), min_size=HEAD // 2, max_size=HEAD // 2),
)  # fmt: skip
def test_all_of_the_scaling_acts_together(base: float, scaling: dict[str, Any], factors: list[float] | None) -> None:
    given_keys = {f"rope.scaling.{key}": value for key, value in scaling.items() if value is not None}
    tensors = {} if factors is None else {"rope_freqs": factors}
    rope = attention(
        spec_of("llama", own_keys("llama") | {"rope.freq_base": base} | given_keys, **tensors).layers[0]
    ).rope
    for pair, frequency in enumerate(rope.frequencies):
        for position in (1, 5, 40):
            expected = turned(position, pair, base=base, factors=factors, scaling=scaling)
            found = rope.gain * complex(math.cos(position * frequency), math.sin(position * frequency))
            assert abs(found - expected) < 1e-4 * abs(expected)


@settings(QUICK)
@given(
    heads=st.sampled_from([(1, 1), (4, 2), (6, 6)]), head=st.sampled_from([2, 8, 10]), layers=st.integers(1, 4),
    hidden=st.integers(1, 99), context=st.integers(1, 999), eps=st.sampled_from([0.0, 1e-6, 1e-5, 0.25]),
    base=st.sampled_from([100.0, 1e4, 1e6]), scaling=st.sampled_from(["linear", "yarn"]), written=st.booleans(),
)  # fmt: skip
def test_a_header_is_the_configuration_that_it_was_made_from(
    heads: tuple[int, int], head: int, layers: int, hidden: int, context: int, eps: float, base: float, scaling: str,
    written: bool,
) -> None:  # fmt: skip
    stretched = {"rope_type": scaling, "factor": 4.0, "original_max_position_embeddings": 16}
    if scaling == "linear":
        del stretched["original_max_position_embeddings"]
    said = {
        "model_type": "llama", "hidden_size": heads[0] * head, "num_attention_heads": heads[0], "head_dim": head,
        "num_key_value_heads": heads[1], "intermediate_size": hidden, "max_position_embeddings": context,
        "num_hidden_layers": layers, "rms_norm_eps": eps, "rope_theta": base, "rope_scaling": stretched,
        "vocab_size": 97, "tie_word_embeddings": True, "gguf_interleaved_rope": True,
    }  # fmt: skip
    own = {
        "embedding_length": heads[0] * head, "attention.head_count": heads[0], "attention.head_count_kv": heads[1],
        "feed_forward_length": hidden, "context_length": context, "block_count": layers, "rope.freq_base": base,
        "attention.layer_norm_rms_epsilon": eps, "rope.scaling.type": scaling, "rope.scaling.factor": 4.0,
        "rope.scaling.original_context_length": 16,
    }  # fmt: skip
    if written:
        own |= {"attention.key_length": head, "attention.value_length": head, "rope.dimension_count": head}
    llama = family("llama")
    expected = read_spec(Config(said, defaults=llama.defaults), llama, where="config.json")
    assert spec_of("llama", own) == expected
