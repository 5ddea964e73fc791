"""Any values of any generation parameter: transformers' tokens, or an error that names one of the parameters."""

import json
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from litz.errors import LitzError
from litz.generation.parameters import FOREIGN, PARAMETERS
from litz.models.auto import AutoModelForCausalLM
from tests.parity.harness.decoders import VOCAB, save
from tests.parity.harness.rows import named

ROW = named("llama-3")
PROMPT = [1, 5, 9, 33, 12, 5, 9]
BOUNDED = settings(max_examples=100, derandomize=True, deadline=None)
FEW = settings(BOUNDED, max_examples=40)

ids = st.integers(0, VOCAB - 1)
some_ids = st.lists(ids, min_size=1, max_size=4)
words = st.lists(st.lists(ids, min_size=1, max_size=3), min_size=1, max_size=4)
# Values that transformers takes: greedy decoding has one right answer.
VALID = {
    "max_new_tokens": st.integers(1, 12),
    "max_length": st.integers(8, 20),
    "min_new_tokens": st.integers(0, 12),
    "min_length": st.integers(0, 20),
    "repetition_penalty": st.floats(0.25, 4.0),
    "no_repeat_ngram_size": st.integers(0, 3),
    "bad_words_ids": words,
    "sequence_bias": st.lists(st.tuples(st.lists(ids, min_size=1, max_size=3), st.floats(-9, 9)), min_size=1),
    "suppress_tokens": some_ids,
    "begin_suppress_tokens": some_ids,
    "forced_bos_token_id": ids,
    "forced_eos_token_id": ids | some_ids,
    "exponential_decay_length_penalty": st.tuples(st.integers(0, 5), st.floats(1.0, 1.5)),
    "remove_invalid_values": st.booleans(),
    "renormalize_logits": st.booleans(),
    "eos_token_id": ids | some_ids | st.just(-1),
    "use_cache": st.booleans(),
    "num_return_sequences": st.just(1),
    "temperature": st.floats(0.1, 3.0),
    "top_k": st.integers(1, 99),
    "top_p": st.floats(0.05, 1.0),
}  # fmt: skip
SAMPLED = ("temperature", "top_k", "top_p")
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3), st.just([]), st.just({}),
    st.lists(st.integers(-3, 99), max_size=3), st.lists(st.lists(st.integers(-3, 99), max_size=2), max_size=2),
    st.sampled_from([2**31, 2**32, 2**63, 2**64, -1, 0, 1e39, 5e-324, math.inf, math.nan, "static"]),
)  # fmt: skip
NAMES = sorted(PARAMETERS)
ARGUMENTS = sorted({*NAMES, *FOREIGN})


@pytest.fixture(scope="module")
def reference():
    made = ROW.build()
    made.generation_config.eos_token_id = made.generation_config.pad_token_id = None
    return made


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    return save(reference, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=1)


def drawn(values):
    """Some of the parameters, at most five."""
    return st.lists(st.sampled_from(sorted(values)), max_size=5, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: values[name] for name in names})
    )


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def failure(call):
    """The error of litz that the call ends in, or None."""
    try:
        quiet(call)
    except LitzError as error:
        return error
    return None


def names(error, name):
    """Whether it says which parameter it is about; forbidding every token is a sum of several."""
    return error is None or name in str(error) or "no token is possible" in str(error)


def theirs(reference, parameters):
    """transformers' tokens, or None where it refuses the parameters."""
    inputs = torch.tensor([PROMPT])
    passed = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None, **parameters}
    if "sequence_bias" in passed:
        passed["sequence_bias"] = [[list(tokens), bias] for tokens, bias in passed["sequence_bias"]]
    try:
        return quiet(lambda: reference.generate(inputs, attention_mask=torch.ones_like(inputs), **passed)).tolist()[0]
    except Exception:
        return None


def ours(model, parameters):
    """litz's tokens, or None with an error that names one of the parameters; anything else is raised."""
    passed = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None, **parameters}
    error = failure(lambda: model.generate([PROMPT], **passed))
    if error is None:
        return quiet(lambda: model.generate([PROMPT], **passed))[0]
    assert any(names(error, name) for name in parameters), error
    return None


@BOUNDED
@given(parameters=drawn({name: values for name, values in VALID.items() if name not in SAMPLED}))
def test_valid_parameters_give_the_same_tokens(reference, model, parameters):
    expected, found = theirs(reference, parameters), ours(model, parameters)
    assert found is None or expected is None or found == expected


@FEW
@given(values=drawn({name: values for name, values in VALID.items() if name not in SAMPLED}), sampled=st.booleans())
def test_a_models_file_acts_as_the_arguments_do(folder, model, tmp_path_factory, values, sampled):
    written = json.loads(json.dumps({**values, **({"temperature": 0.5, "top_k": 3} if sampled else {})}))
    written.setdefault("eos_token_id", -1)
    (folder / "generation_config.json").write_text(json.dumps(written))
    try:
        loaded = AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=1)
        length = {} if {"max_length", "max_new_tokens"} & values.keys() else {"max_new_tokens": 4}
        if {"max_length", "max_new_tokens"} <= values.keys():  # two limits in a file are the shorter word for one
            values = {name: value for name, value in values.items() if name != "max_length"}
        from_file = outcome(lambda: loaded.generate([PROMPT], do_sample=False, **length))
        assert from_file == outcome(
            lambda: model.generate([PROMPT], **{"eos_token_id": None, **values, "do_sample": False, **length})
        )
    finally:
        (folder / "generation_config.json").unlink()


def outcome(call):
    try:
        return quiet(call)
    except LitzError as error:
        return type(error)


@BOUNDED
@given(name=st.sampled_from(ARGUMENTS), value=ANYTHING, do_sample=st.booleans())
def test_any_value_of_any_argument_acts_or_is_an_error_of_litz(model, name, value, do_sample):
    passed = {"max_new_tokens": 2, "do_sample": do_sample, name: value}
    error = failure(lambda: model.generate([PROMPT], **passed))
    assert names(error, name), error


@FEW
@given(name=st.sampled_from(NAMES), value=ANYTHING)
def test_any_value_in_a_models_file_acts_or_is_an_error_of_litz_that_names_it(folder, name, value):
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "max_length": 9, name: value}))
    try:
        loaded = AutoModelForCausalLM.from_pretrained(folder, cache_dtype="float32", threads=1)
        error = failure(lambda: loaded.generate([PROMPT]))
    finally:
        (folder / "generation_config.json").unlink()
    assert names(error, name), error


@BOUNDED
@given(temperature=st.floats(0.0, 1e-7), parameters=drawn({name: VALID[name] for name in ("top_k", "top_p")}))
def test_a_very_small_temperature_is_the_likeliest_token(model, temperature, parameters):
    passed = {"do_sample": True, "temperature": temperature, "max_new_tokens": 3, "seed": 1, **parameters}
    assert model.generate([PROMPT], **passed) == model.generate([PROMPT], do_sample=False, max_new_tokens=3)
