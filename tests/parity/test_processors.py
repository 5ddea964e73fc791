"""Every logits processor, alone and combined, against transformers' own on random logits."""

import json

import numpy as np
import pytest

from litz import _core

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VOCAB = 200
EOS = [3, 7]
PROMPT = [5, 9, 11, 5, 9, 42, 199, 0]
GENERATED = [9, 11, 17, 5, 9]

SHARED = [
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.8},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 3},
    {"no_repeat_ngram_size": 30},
    {"bad_words_ids": [[5, 9, 60], [9, 61], [62], [3], [1, 63]]},
    {"sequence_bias": [[[70], 2.5], [[9, 70], -1.25], [[5, 9, 71], 10.0], [[4, 72], 9.0], [[70], -3.5]]},
    {"suppress_tokens": [1, 2, 3, 150]},
    {"begin_suppress_tokens": [4, 6]},
    {"min_length": 14, "eos_token_id": EOS},
    {"min_length": 13, "eos_token_id": EOS},
    {"min_new_tokens": 6, "eos_token_id": EOS},
    {"min_new_tokens": 5, "eos_token_id": EOS},
    {"forced_eos_token_id": [3, 8], "max_length": 14},
    {"forced_eos_token_id": [3, 8], "max_new_tokens": 6},
    {"forced_eos_token_id": [3], "max_length": 15},
    {"forced_bos_token_id": 12},
    {"exponential_decay_length_penalty": [2, 1.15], "eos_token_id": EOS},
    {"exponential_decay_length_penalty": [5, 1.15], "eos_token_id": EOS},
    {"remove_invalid_values": True, "bad_words_ids": [[62]]},
]
SAMPLING = [
    {"temperature": 0.7},
    {"temperature": 2.5},
    {"top_k": 1},
    {"top_k": 17},
    {"top_k": 5000},
    {"top_p": 0.0},
    {"top_p": 0.35},
    {"top_p": 0.9},
    {"top_p": 0.999},
    {"min_p": 0.0},
    {"min_p": 0.07},
    {"min_p": 1.0},
    {"top_h": 0.4},
    {"top_h": 0.9},
    {"typical_p": 0.2},
    {"typical_p": 0.95},
    {"epsilon_cutoff": 0.004},
    {"epsilon_cutoff": 0.9},
    {"eta_cutoff": 0.003},
    {"eta_cutoff": 0.3},
    {"temperature": 1.5, "renormalize_logits": True},
]
COMBINED = [
    {"temperature": 0.8, "top_k": 40, "top_p": 0.85},
    {"temperature": 1.3, "top_p": 0.8, "min_p": 0.05, "typical_p": 0.9},
    {"temperature": 0.6, "top_k": 50, "typical_p": 0.7, "epsilon_cutoff": 0.01, "eta_cutoff": 0.02},
    {"top_h": 0.8, "top_k": 20, "top_p": 0.9},
    {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "bad_words_ids": [[9, 61], [62]], "top_k": 30},
    {"sequence_bias": [[[9, 70], 4.0], [[71], -2.0]], "repetition_penalty": 1.5, "min_new_tokens": 9,
     "eos_token_id": EOS, "suppress_tokens": [20, 21], "temperature": 0.9, "top_p": 0.7},
    {"exponential_decay_length_penalty": [1, 1.4], "eos_token_id": EOS, "suppress_tokens": [7], "min_p": 0.02},
]  # fmt: skip


def ours(logits, prompt, generated, params):
    scores = _core.process_logits(logits.astype("<f4").tobytes(), prompt, generated, json.dumps(params))
    return np.frombuffer(scores, "<f4")


def theirs(logits, prompt, generated, params):
    """What transformers' generate() would choose from: its own list of processors, in its own order."""
    config = transformers.GenerationConfig(**{"num_beams": 1, "do_sample": False, **params})
    if config.max_new_tokens is not None:
        config.max_length = len(prompt) + config.max_new_tokens
    eos = params.get("eos_token_id")
    config._eos_token_tensor = None if eos is None else torch.tensor(eos)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=VOCAB, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1))  # fmt: skip
    processors = model._get_logits_processor(config, input_ids_seq_length=len(prompt), device="cpu", model_kwargs={})
    return processors(torch.tensor([prompt + generated]), torch.tensor(logits)[None])[0].numpy()


def random_logits(seed, scale=3.0):
    return np.random.default_rng(seed).normal(size=VOCAB, scale=scale).astype(np.float32)


def rounding(params):
    """Divisions, penalties and biases round alike; only sums of exponentials may differ in their last bits."""
    return {"rtol": 2e-6, "atol": 1e-6} if "renormalize_logits" in params else {"rtol": 0, "atol": 0}


def assert_same(logits, params, prompt=PROMPT, generated=GENERATED):
    expected = theirs(logits, prompt, generated, params)
    found = ours(logits, prompt, generated, params)
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(expected), err_msg=str(params))
    np.testing.assert_allclose(found, expected, **rounding(params))


@pytest.mark.parametrize("params", SHARED, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_processor_of_greedy_decoding(params, seed):
    assert_same(random_logits(seed), params)


@pytest.mark.parametrize("params", SAMPLING, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_filter_of_sampling(params, seed):
    assert_same(random_logits(seed), {"do_sample": True, **params})


@pytest.mark.parametrize("params", COMBINED, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_combinations(params, seed):
    assert_same(random_logits(seed), {"do_sample": True, **params})


@pytest.mark.parametrize("params", [*SHARED, *COMBINED], ids=str)
def test_the_first_new_token_after_a_prompt_of_one(params):
    assert_same(random_logits(4), {"do_sample": True, **params}, prompt=[9], generated=[])


@pytest.mark.parametrize("params", SAMPLING, ids=str)
@pytest.mark.parametrize("scale", [0.01, 30.0], ids=["flat", "peaked"])
def test_flat_and_peaked_distributions(params, scale):
    assert_same(random_logits(5, scale), {"do_sample": True, **params})


@pytest.mark.parametrize("params", SAMPLING + COMBINED, ids=str)
def test_as_many_tokens_survive_among_ties(params):
    """Which of equal tokens survive is the sorting algorithm's choice there; how many, and their scores, is not."""
    logits = np.round(random_logits(6, 1.5)).astype(np.float32)
    params = {"do_sample": True, **params}
    expected, found = theirs(logits, PROMPT, GENERATED, params), ours(logits, PROMPT, GENERATED, params)
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=2e-6)


@pytest.mark.parametrize(("name", "value"), [("top_p", 2.0), ("temperature", -1.0), ("top_h", 0.0), ("min_p", "a"),
                                             ("repetition_penalty", 0.0), ("no_such_thing", 1)])  # fmt: skip
def test_a_bad_value_is_an_error_that_names_its_field(name, value):
    from litz.errors import ArgumentError

    with pytest.raises(ArgumentError, match=name):
        ours(random_logits(0), PROMPT, GENERATED, {name: value})
