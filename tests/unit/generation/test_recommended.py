"""The settings of well-known models: which names are recognised, and where the settings act."""

import warnings
from pathlib import Path

import pytest

from litz.cli.engine import CHAT_TOKENS, THINKING_TOKENS, Engine
from litz.generation import GenerationConfig, explain_generation
from litz.generation.recommended import RECOMMENDATIONS, names_of, recommended, recommended_configs
from litz.hub import ModelFiles
from litz.models.auto import AutoModelForCausalLM
from litz.pipelines import pipeline
from tests.fakes import FakeModel, FakeTokenizer
from tests.unit.tiny import write_model


def settings(*names, thinking=True):
    """(temperature, top_p, top_k) of what has one of these names, or None."""
    row = recommended(names)
    made = row and row.config(thinking=thinking)
    return made and (made.temperature, made.top_p, made.top_k)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", (0.2, 0.5, None)),
        ("smollm2-135M-8k-lc100k-mix1-ep2", (0.2, 0.5, None)),
        ("smollm2-1.7b-instruct-q4_k_m", (0.2, 0.9, None)),
        ("SmolLM3-Q4_K_M", (0.6, 0.95, None)),
        ("Qwen3-0.6B-Q8_0", (0.6, 0.95, 20)),
        ("Qwen3-30B-A3B", (0.6, 0.95, 20)),
        ("Qwen3-4B-Instruct-2507-Q4_K_M", (0.7, 0.8, 20)),
        ("Qwen3-4B-Thinking-2507", (0.6, 0.95, 20)),
        ("qwen2.5-0.5b-instruct-q8_0", (0.7, 0.8, 20)),
        ("gemma-3-270m-it-Q8_0", (1.0, 0.95, 64)),
        ("Gemma 3 1b It", (1.0, 0.95, 64)),
        ("Llama-3.2-1B-Instruct-Q4_K_M", (0.6, 0.9, None)),
        ("Meta-Llama-3.1-8B-Instruct", (0.6, 0.9, None)),
        ("tinyllama-1.1b-chat-v1.0.Q4_K_M", (0.7, 0.95, 50)),
        ("SmolLM2-135M", None),
        ("Qwen3-0.6B-Base", None),
        ("Qwen3-Embedding-0.6B", None),
        ("gemma-3-1b-pt", None),
        ("Llama-3.2-1B", None),
        ("gpt2", None),
        ("", None),
    ],
)
def test_models_are_known_by_their_names(name, expected):
    assert settings(name) == expected


def test_a_model_that_is_told_not_to_think_is_sampled_otherwise():
    assert settings("Qwen3-1.7B") == (0.6, 0.95, 20)
    assert settings("Qwen3-1.7B", thinking=False) == (0.7, 0.8, 20)
    assert settings("SmolLM2-360M-Instruct", thinking=False) == (0.2, 0.9, None)


def test_every_row_says_where_its_numbers_are_from_and_is_a_valid_configuration():
    for row in RECOMMENDATIONS:
        row.config().validate()
        assert row.config().source == row.source != ""


def test_a_gguf_file_is_known_by_its_header_whatever_it_is_called():
    header = {"general.basename": "gemma-3", "general.size_label": "270M", "general.name": "my tune"}
    names = names_of(ModelFiles("here", Path("/models"), Path("/models/x.gguf")), header)
    assert names == ["gemma-3-270M", "my tune", "x"]
    assert recommended(names).sampling.top_k == 64


def test_other_models_are_known_by_their_repository_or_folder():
    cached = Path("/cache/hub/models--Qwen--Qwen3-0.6B/snapshots/0123abc")
    assert names_of(ModelFiles(str(cached), cached, None), {}) == ["Qwen3-0.6B"]
    assert names_of(ModelFiles("Qwen/Qwen3-0.6B", Path("/x"), None), {}) == ["Qwen3-0.6B"]
    assert names_of(ModelFiles("models/smol", Path("models/smol"), None), {}) == ["smol"]


@pytest.fixture(scope="module")
def known_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "SmolLM2-360M-Instruct"
    return AutoModelForCausalLM.from_pretrained(write_model(folder), threads=1)


def test_generate_stays_greedy(known_model):
    assert known_model.generate([[1, 2]], max_new_tokens=4) == known_model.generate(
        [[1, 2]], max_new_tokens=4, do_sample=False
    )
    assert explain_generation(known_model)["do_sample"].value is False


def test_a_pipeline_and_a_chat_take_the_same_settings_and_say_where_they_are_from(known_model, tokenizer):
    pipe = pipeline("text-generation", model=known_model, tokenizer=tokenizer)
    card = {"do_sample": True, "temperature": 0.2, "top_p": 0.9}
    assert pipe("hi", seed=1, max_new_tokens=9) == pipe("hi", seed=1, max_new_tokens=9, **card)
    assert pipe("hi", max_new_tokens=9, do_sample=False) == pipe("hi", max_new_tokens=9, temperature=0)
    explanation = Engine(tokenizer, known_model, {"top_p": 0.5}).explanation()
    for line in ("temperature     0.2    the model card of SmolLM2", "top_p           0.5    argument"):
        assert line in explanation


def test_what_the_models_files_say_stands_alone(tmp_path):
    folder = write_model(tmp_path / "SmolLM2-135M-Instruct", generation_config={"temperature": 0.5, "do_sample": True})
    assert recommended_configs(AutoModelForCausalLM.from_pretrained(folder, threads=1)) == []


def test_a_stranger_is_sampled_alike_in_pipelines_and_chats(tiny_model, tokenizer):
    pipe = pipeline("text-generation", model=tiny_model, tokenizer=tokenizer)
    engine = Engine(tokenizer, tiny_model, {})
    plain = {"do_sample": True, "temperature": 0.7}
    assert pipe("hi", seed=1, max_new_tokens=9) == pipe("hi", seed=1, max_new_tokens=9, **plain)
    assert engine.samples()
    assert "temperature     0.7    chat default" in engine.explanation()
    assert not Engine(tokenizer, tiny_model, {"do_sample": False}).samples()


def test_fallbacks_are_weaker_than_the_models_files(tmp_path):
    folder = write_model(tmp_path / "model", generation_config={"do_sample": True, "temperature": 0.5})
    model = AutoModelForCausalLM.from_pretrained(folder, threads=1)
    weak = GenerationConfig(temperature=0.9, top_p=0.8, source="somewhere")
    explanation = explain_generation(model, fallbacks=[weak])
    assert explanation["temperature"].value == 0.5
    assert (explanation["top_p"].value, explanation["top_p"].origin) == (0.8, "somewhere")


@pytest.mark.parametrize(("variables", "tokens"), [({}, THINKING_TOKENS), ({"enable_thinking": False}, CHAT_TOKENS)])
def test_models_that_think_first_may_answer_longer(variables, tokens):
    model = FakeModel([], context=10_000)
    model.recommended = recommended(["Qwen3-0.6B"])
    engine = Engine(FakeTokenizer(), model, {})
    engine.template_variables = variables
    assert engine.fallbacks()[-1].max_new_tokens == tokens


def test_one_warning_names_the_length_of_generate_and_stream(known_model):
    for call in (known_model.generate, lambda ids: list(known_model.stream(ids, fallbacks=[GenerationConfig()]))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call([[1, 2]])
        assert ["max_new_tokens" in str(warning.message) for warning in caught] == [True]


def test_nothing_of_a_card_changes_greedy_answers(known_model, tokenizer):
    assert recommended_configs(known_model, sampling=False) == []
    assert "model card" not in Engine(tokenizer, known_model, {"do_sample": False}).explanation()
    pipe = pipeline("text-generation", model=known_model, tokenizer=tokenizer, do_sample=False)
    ids = tokenizer("hi")["input_ids"]
    (row,) = known_model.generate([ids], max_new_tokens=9, do_sample=False)
    assert pipe("hi", max_new_tokens=9, return_tensors=True)[0]["generated_token_ids"] == row
