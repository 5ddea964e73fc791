"""What crosses into generation: numbers, ids, padding, and the files that parameters come from."""

import json
import math
import warnings

import numpy as np
import pytest

import litz
from litz.errors import ArgumentError, ConfigError, LitzError, UnsupportedError
from litz.generation import GenerationConfig
from tests.unit.tiny import BOS, CONTEXT, EOS, PAD, VOCAB, write_model

PROMPT = [BOS, 104, 105]
NUMBERS = (
    "temperature top_p min_p top_h typical_p epsilon_cutoff eta_cutoff repetition_penalty presence_penalty"
    " frequency_penalty max_time"
).split()
COUNTS = ("max_new_tokens max_length min_new_tokens min_length top_k no_repeat_ngram_size num_return_sequences").split()


def load(folder):
    return litz.AutoModelForCausalLM.from_pretrained(folder, threads=1)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "1", None.__class__, 1e39, 10**400], ids=str)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_none_is_named(tiny_model, name, value):
    with pytest.raises(ArgumentError, match=f"^{name} must be a finite number"):
        tiny_model.generate([PROMPT], **{"max_new_tokens": 2, "do_sample": True, name: value})


@pytest.mark.parametrize("value", [-1, 2**31, 2**63, 2**64, 1.5, True, "3", math.nan], ids=str)
@pytest.mark.parametrize("name", COUNTS)
def test_a_count_out_of_range_is_named(tiny_model, name, value):
    with pytest.raises(ArgumentError, match=f"^{name} must be an integer from"):
        tiny_model.generate([PROMPT], **{"do_sample": True, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", np.float32(0.5)), ("top_k", np.int64(3)), ("top_p", np.array(0.5)),
     ("max_new_tokens", np.uint8(4)),
     ("eos_token_id", np.array([3, 4])), ("suppress_tokens", (3, 4)), ("do_sample", np.bool_(True))],
)  # fmt: skip
def test_scalars_of_numpy_are_numbers(tiny_model, name, value):
    same = value.tolist() if hasattr(value, "tolist") else list(value)
    requested = {"max_new_tokens": 3, "do_sample": True, "seed": 1}
    found = tiny_model.generate([PROMPT], **{**requested, name: value})
    assert found == tiny_model.generate([PROMPT], **{**requested, name: same})


@pytest.mark.parametrize("token", [-1, -100, 2**32, 2**64, VOCAB, 1.5, True, None], ids=str)
def test_what_is_no_token_id_is_named(tiny_model, token):
    for call in (lambda: tiny_model.generate([[BOS, token]], max_new_tokens=1), lambda: tiny_model([[BOS, token]])):
        with pytest.raises(LitzError, match=str(token).partition(".")[0]):
            call()


def test_numpy_scalars_in_lists_are_ids(tiny_model):
    ids = [[np.int64(token) for token in PROMPT]]
    assert tiny_model.generate(ids, max_new_tokens=2) == tiny_model.generate([PROMPT], max_new_tokens=2)


@pytest.mark.parametrize("padding", [1, 3])
def test_one_padded_row_is_read_as_in_a_batch(tiny_model, padding):
    expected = tiny_model.generate([PROMPT], max_new_tokens=5)[0][len(PROMPT) :]
    for row in ([PAD] * padding + PROMPT, PROMPT + [PAD] * padding):
        alone = tiny_model.generate([row], max_new_tokens=5)[0][len(row) :]
        batch = tiny_model.generate([row, [BOS] * len(row)], max_new_tokens=5)[0][len(row) :]
        assert alone == batch == expected


def test_a_prompt_that_ends_in_its_padding_token_is_read_whole_where_that_ends_texts_too(tiny_model):
    passed = {"max_new_tokens": 4, "pad_token_id": EOS, "eos_token_id": EOS}
    row = [*PROMPT, EOS]
    whole = tiny_model.generate([row], attention_mask=[[1] * len(row)], **passed)
    assert tiny_model.generate([row], **passed) == whole


@pytest.mark.parametrize("eos", [-1, [-1], [EOS, -1]], ids=str)
@pytest.mark.parametrize("where", ["config.json", "generation_config.json"])
def test_minus_one_in_a_file_means_no_token(tmp_path, where, eos):
    folder = write_model(tmp_path, generation_config={} if where != "config.json" else None)
    values = json.loads((folder / where).read_text())
    (folder / where).write_text(json.dumps({**values, "eos_token_id": eos}))
    model = load(folder)
    expected = model.generate([PROMPT], max_new_tokens=6, eos_token_id=None if eos != [EOS, -1] else EOS)
    assert model.generate([PROMPT], max_new_tokens=6) == expected


@pytest.mark.parametrize(
    "values",
    [{"repetition_penalty": 1.5}, {"no_repeat_ngram_size": 1}, {"suppress_tokens": [97, 98]}, {"max_length": 7},
     {"bad_words_ids": [[5], [6, 7]]}, {"do_sample": True, "top_k": 1}, {"forced_eos_token_id": 9, "max_length": 8}],
    ids=str,
)  # fmt: skip
def test_parameters_in_config_json_act_unless_there_is_a_generation_config(tmp_path, values):
    plain = load(write_model(tmp_path / "plain"))
    folder = write_model(tmp_path / "old")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))
    length = {} if "max_length" in values else {"max_new_tokens": 8}
    expected = plain.generate([PROMPT], **values, **length)
    assert load(folder).generate([PROMPT], **length) == expected
    (folder / "generation_config.json").write_text("{}")
    assert load(folder).generate([PROMPT], max_new_tokens=8) == plain.generate([PROMPT], max_new_tokens=8)


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
def test_a_bad_value_in_a_file_is_an_error_that_names_the_file(tmp_path, file):
    folder = write_model(tmp_path, generation_config={} if file != "config.json" else None)
    values = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**values, "repetition_penalty": -2}))
    with pytest.raises(ArgumentError, match=rf"/{file}: repetition_penalty must be"):
        load(folder).generate([PROMPT], max_new_tokens=2)
    assert load(folder).generate([PROMPT], max_new_tokens=2, repetition_penalty=1.0)


def test_unknown_keys_of_a_generation_config_are_named_once(tmp_path):
    folder = write_model(tmp_path, generation_config={"chat_format": "x", "temprature": 2, "transformers_version": "4"})
    with pytest.warns(UserWarning, match=r"generation_config\.json: .*chat_format, temprature$") as caught:
        load(folder)
    assert len(caught) == 1


def test_without_a_length_twenty_tokens_come_with_one_warning(tiny_model):
    with pytest.warns(UserWarning, match="max_new_tokens") as caught:
        out = tiny_model.generate([PROMPT], eos_token_id=None)
    assert (len(out[0]), len(caught)) == (len(PROMPT) + 20, 1)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="max_new_tokens"):
        assert len(list(tiny_model.stream([PROMPT], eos_token_id=None))) == 20
    long = [[104] * (CONTEXT - 3)]
    with pytest.warns(UserWarning, match="max_new_tokens"):
        assert len(tiny_model.generate(long, eos_token_id=None)[0]) == CONTEXT


def test_a_models_own_length_needs_no_warning(tmp_path):
    model = load(write_model(tmp_path, generation_config={"max_length": 9, "eos_token_id": None}))
    assert len(model.generate([PROMPT], eos_token_id=None)[0]) == 9


def test_a_saved_configuration_is_read_back(tmp_path):
    values = {"max_new_tokens": 7, "eos_token_id": [1, 2], "sequence_bias": {(1, 2): -1.5}, "stop_strings": ["x"]}
    made = GenerationConfig(**values)
    made.save_pretrained(tmp_path)
    read = GenerationConfig.from_pretrained(tmp_path)
    assert read.to_dict() == {**values, "sequence_bias": [[[1, 2], -1.5]]}
    assert GenerationConfig.from_pretrained(tmp_path, max_new_tokens=3).max_new_tokens == 3
    made.save_pretrained(tmp_path, "other.json")
    assert GenerationConfig.from_pretrained(tmp_path, "other.json") == read
    with pytest.raises(ArgumentError, match="temprature"):
        GenerationConfig.from_pretrained(tmp_path, temprature=3)
    with pytest.raises(litz.errors.ModelNotFoundError, match=r"none\.json"):
        GenerationConfig.from_pretrained(tmp_path, "none.json")


def test_a_configuration_as_text_and_from_a_models():
    made = GenerationConfig(temperature=0.5)
    assert json.loads(made.to_json_string()) == made.to_diff_dict() == {"temperature": 0.5}
    assert json.loads(made.to_json_string(use_diff=False))["top_k"] is None
    assert GenerationConfig.from_model_config({"hidden_size": 3, "top_k": 4}).to_dict() == {"top_k": 4}
    with pytest.raises(UnsupportedError, match="push_to_hub"):
        made.push_to_hub("a/b")
    with pytest.raises(ConfigError, match="JSON"):
        GenerationConfig(watermarking_config=object()).to_json_string()


def test_an_update_out_of_range_changes_nothing():
    made = GenerationConfig(temperature=0.5, do_sample=True)
    with pytest.raises(ArgumentError, match="top_p"):
        made.update(temperature=0.7, top_p=3)
    assert made.to_dict() == {"temperature": 0.5, "do_sample": True}
    assert made.update(defaults_only=True, temperature=0.9, top_k=3) == {}
    assert (made.temperature, made.top_k) == (0.5, 3)


def test_a_configuration_of_another_library_is_an_error_that_says_what_to_do(tiny_model):
    with pytest.raises(ArgumentError, match="from_dict"):
        tiny_model.generate([PROMPT], generation_config={"max_new_tokens": 2})


def test_what_changes_no_result_is_accepted(tiny_model):
    expected = tiny_model.generate([PROMPT], max_new_tokens=4)
    neutral = {"use_cache": False, "cache_implementation": "static", "token_type_ids": [[0, 0, 0]], "num_beams": 1,
               "logits_processor": litz.LogitsProcessorList(), "stopping_criteria": litz.StoppingCriteriaList(),
               "disable_compile": True, "max_cache_len": 50}  # fmt: skip
    assert tiny_model.generate([PROMPT], max_new_tokens=4, **neutral) == expected
    assert tiny_model.generate(inputs=[PROMPT], max_new_tokens=4) == expected
    with pytest.raises(ArgumentError, match="inputs"):
        tiny_model.generate([PROMPT], inputs=[PROMPT], max_new_tokens=4)


def test_set_seed_seeds_the_others_and_says_what_seeds_litz():
    import random

    with pytest.warns(UserWarning, match="seed="):
        litz.set_seed(5)
    first = (random.random(), np.random.random())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        litz.set_seed(5)
    assert first == (random.random(), np.random.random())
    with pytest.raises(ArgumentError, match="seed"):
        litz.set_seed(-1)
