import json

import pytest

from litz.config import Config
from litz.errors import ArgumentError, ConfigError, UnsupportedError
from litz.generation import GenerationConfig, GenerationParameters, explain_generation
from litz.generation.config import FILE, named
from litz.generation.resolve import ARGUMENT, CONFIG, MODEL, Layer, resolve
from litz.hub import ModelFiles
from tests import builders
from tests.builders import entry


def gguf_file(folder, *, ids, chat):
    words = ["<s>", "</s>", "<end_of_turn>", "word"]
    entries = [entry("tokenizer.ggml.tokens", builders.ARRAY, builders.array(builders.TEXT, words))]
    entries += [entry(f"tokenizer.ggml.{name}", builders.U32, builders.u32(value)) for name, value in ids.items()]
    if chat:
        entries.append(entry("tokenizer.chat_template", builders.TEXT, builders.text("{{ messages }}")))
    (folder / "model.gguf").write_bytes(builders.Gguf(entries=entries).build())
    return ModelFiles(source="here", root=folder, gguf=folder / "model.gguf")


def resolved(*, explicit=None, config=None, model=None):
    return resolve([Layer(ARGUMENT, explicit or {}), Layer(CONFIG, config or {}), Layer(MODEL, model or {})])


def test_the_typed_arguments_and_the_configuration_have_the_same_names():
    fields = set(GenerationConfig.__dataclass_fields__) - {"unknown", "source"}
    assert fields == set(GenerationParameters.__annotations__)
    for name, row in GenerationParameters.__annotations__.items():
        assert GenerationConfig.__annotations__[name] == row.__origin__, name


def test_nothing_is_set_by_default():
    assert GenerationConfig().to_dict() == {}
    assert resolved().acting() == {"do_sample": False}


def test_values_survive_saving_and_loading_the_unknown_ones_included(tmp_path):
    values = {"temperature": 0.6, "eos_token_id": [1, 2], "made_up": {"a": 1}, "transformers_version": "4.1"}
    config = GenerationConfig.from_dict(values)
    assert config.unknown == {"made_up": {"a": 1}}
    config.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "generation_config.json").read_text())
    assert stored == {"temperature": 0.6, "eos_token_id": [1, 2], "made_up": {"a": 1}}
    assert GenerationConfig.from_dict(stored) == config
    assert "made_up" in repr(config)


def test_unknown_values_never_act():
    config = GenerationConfig.from_dict({"temprature": 2.0})
    assert named(config) == {}


def test_a_misspelt_attribute_is_an_error():
    config = GenerationConfig()
    with pytest.raises(AttributeError, match="pad_tokn_id"):
        config.pad_tokn_id = 3
    with pytest.raises(TypeError, match="pad_tokn_id"):
        GenerationConfig(pad_tokn_id=3)


def test_update_sets_what_it_knows_checks_it_and_returns_the_rest():
    config = GenerationConfig()
    assert config.update(temperature=0.5, foo=1) == {"foo": 1}
    assert config.temperature == 0.5
    with pytest.raises(ArgumentError, match="top_p must be a finite number from 0 to 1, found 3"):
        config.update(top_p=3, do_sample=True)


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"max_new_tokens": 0}, ArgumentError, "max_new_tokens must be an integer from 1 to 2147483647, found 0"),
        ({"repetition_penalty": -1.0}, ArgumentError, "repetition_penalty must be .*, found -1.0"),
        ({"num_beams": 4}, UnsupportedError, "num_beams=4"),
        ({"output_scores": True}, UnsupportedError, "output_scores"),
    ],
)
def test_validate_names_the_field(values, error, text):
    with pytest.raises(error, match=text):
        GenerationConfig(**values).validate()


def test_a_broken_file_is_an_error_that_names_it(tmp_path):
    for text in ("{", "[1]"):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(ConfigError, match=r"generation_config\.json"):
            GenerationConfig.for_model(ModelFiles(source="here", root=tmp_path, gguf=None), Config({}))


def test_special_tokens_come_from_the_models_configuration_where_its_file_is_silent(tmp_path):
    (tmp_path / FILE).write_text(json.dumps({"eos_token_id": [1, 2]}))
    config = Config({"eos_token_id": 9, "bos_token_id": 7})
    made = GenerationConfig.for_model(ModelFiles(source="here", root=tmp_path, gguf=None), config)
    assert (made.eos_token_id, made.bos_token_id, made.pad_token_id) == ([1, 2], 7, None)


def test_a_gguf_header_names_the_special_tokens_and_chat_models_end_their_turns(tmp_path):
    ids = {"bos_token_id": 0, "eos_token_id": 1, "padding_token_id": 3}
    made = GenerationConfig.for_model(gguf_file(tmp_path, ids=ids, chat=False), Config({}))
    assert made.to_dict() == {"bos_token_id": 0, "eos_token_id": [1], "pad_token_id": 3}
    made = GenerationConfig.for_model(gguf_file(tmp_path, ids=ids, chat=True), Config({}))
    assert made.eos_token_id == [1, 2]
    assert GenerationConfig.for_model(gguf_file(tmp_path, ids={}, chat=False), Config({})).eos_token_id is None


def test_an_argument_beats_a_configuration_beats_the_model():
    model, config = {"temperature": 0.1, "do_sample": True, "min_p": 0.3}, {"temperature": 0.2, "top_k": 7}
    found = resolved(explicit={"temperature": 0.3}, config=config, model=model)
    assert found.acting() == {"do_sample": True, "temperature": 0.3, "top_k": 7, "min_p": 0.3}
    assert found.origins["temperature"] == ARGUMENT
    assert found.origins["top_k"] == CONFIG
    assert found.origins["min_p"] == MODEL


def test_sampling_without_top_k_keeps_fifty_as_transformers_does():
    assert resolved(explicit={"do_sample": True}).acting()["top_k"] == 50
    assert resolved(explicit={"do_sample": True, "top_k": 0}).acting()["top_k"] == 0
    assert "top_k" not in resolved(explicit={"do_sample": True, "top_k": None}).acting()


def test_a_limit_given_beats_another_kind_of_limit_from_below():
    assert "max_new_tokens" not in resolved(explicit={"max_length": 9}, model={"max_new_tokens": 4}).acting()
    assert "max_length" not in resolved(explicit={"max_new_tokens": 9}, model={"max_length": 4}).acting()
    with pytest.raises(ArgumentError, match="max_new_tokens=3 and max_length=4"):
        resolved(explicit={"max_new_tokens": 3, "max_length": 4})


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k", "min_p", "typical_p", "top_h"])
def test_a_sampling_parameter_that_would_do_nothing_is_an_error(name):
    value = 0.5 if name != "top_k" else 5
    for explicit in ({name: value}, {name: value, "do_sample": False}):
        with pytest.raises(ArgumentError, match=f"{name}={value}.*do_sample=True"):
            resolved(explicit=explicit)
    with pytest.raises(ArgumentError, match=name):
        resolved(config={name: value})


def test_the_models_own_sampling_values_are_silent_under_greedy_decoding():
    model = {"temperature": 0.6, "top_p": 0.9, "do_sample": True}
    assert resolved(explicit={"do_sample": False}, model=model).acting() == {"do_sample": False}
    copied = {**model, "do_sample": False}
    assert resolved(config=copied, model=model).acting() == {"do_sample": False}


def test_temperature_zero_is_greedy_whatever_else_is_said():
    for explicit in ({"temperature": 0}, {"temperature": 0.0, "do_sample": True, "top_p": 0.5}):
        assert resolved(explicit=explicit, model={"do_sample": True}).acting() == {"do_sample": False}


def test_neutral_values_are_no_error():
    explicit = {"temperature": 1.0, "top_p": 1.0, "num_beams": 1, "use_cache": True, "output_scores": False}
    assert resolved(explicit=explicit).acting() == {"do_sample": False}


@pytest.mark.parametrize(
    ("explicit", "error", "text"),
    [
        ({"num_beams": 3}, UnsupportedError, "beams"),
        ({"assistant_model": object()}, UnsupportedError, "speculative"),
        ({"logits_processor": [print]}, UnsupportedError, "sequence_bias"),
        ({"cache_implementation": "quantized"}, UnsupportedError, "cache_dtype"),
        ({"max_new_token": 3}, ArgumentError, "did you mean max_new_tokens"),
        ({"qwertyuiop": 3}, ArgumentError, "the parameters are"),
    ],
)
def test_what_cannot_act_is_an_error_that_says_what_to_do(explicit, error, text):
    with pytest.raises(error, match=text):
        resolved(explicit=explicit)


def test_a_file_may_ask_for_what_changes_no_result_but_not_for_beams():
    assert resolved(model={"use_cache": False, "output_attentions": True}).acting() == {"do_sample": False}
    with pytest.raises(UnsupportedError, match="num_beams=5"):
        resolved(model={"num_beams": 5})
    assert resolved(explicit={"num_beams": 1}, model={"num_beams": 5}).get("num_beams") == 1


def test_biases_are_read_in_both_forms_with_infinities():
    pairs = [[[1, 2], 0.5], [[3], "-inf"]]
    assert resolved(explicit={"sequence_bias": {(1, 2): 0.5, (3,): float("-inf")}}).acting()["sequence_bias"] == pairs
    given = [[[1, 2], 0.5], [[3], float("-inf")]]
    assert resolved(explicit={"sequence_bias": given}).acting()["sequence_bias"] == pairs


def test_an_explanation_says_what_counts_and_where_it_came_from(tiny_model):
    text = str(explain_generation(tiny_model, temperature=0.5, do_sample=True, seed=3))
    assert "temperature     0.5    argument" in text
    assert "eos_token_id    [257]  the model's generation config" in text
    explanation = explain_generation(tiny_model, seed=3)
    assert not explanation["seed"].acts
    assert explanation["eos_token_id"].acts
