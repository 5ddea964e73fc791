"""Where a model is: the same keywords in every function that loads something, checked in one place."""

import dataclasses
import inspect
from pathlib import Path

import pytest

import litz
from litz import hub
from litz.arguments import keywords, names_of
from litz.errors import ArgumentError, ModelNotFoundError
from litz.generation.parameters import PretrainedOptions
from litz.hub.where import Where, WhereArguments, split
from litz.pipelines.text_generation import PipelineOptions
from litz.tokenizers import from_pretrained
from tests.unit.tiny import tokenizer_json, write_model

LOADERS = [
    litz.AutoConfig.from_pretrained, litz.AutoModelForCausalLM.from_pretrained, litz.AutoTokenizer.from_pretrained,
    litz.Tokenizer.from_pretrained, litz.GPT2Tokenizer.from_pretrained, litz.GenerationConfig.from_pretrained,
    litz.pipeline, from_pretrained,
]  # fmt: skip
FIELDS = {field.name: field.default for field in dataclasses.fields(Where)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    inner = write_model(outer / "inner", generation_config={"top_k": 3})
    (inner / "tokenizer.json").write_bytes(tokenizer_json())
    return outer


def test_the_keywords_are_the_fields_and_the_one_that_is_never_acted_on():
    assert set(WhereArguments.__annotations__) == {*FIELDS, "trust_remote_code"}
    by_loading = (keywords.ConfigOptions, keywords.LoadingOptions, keywords.TokenizerOptions)
    for options in (*by_loading, PretrainedOptions, PipelineOptions):
        assert set(options.__annotations__) >= set(WhereArguments.__annotations__)


@pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__qualname__)
def test_every_loader_shows_them_to_notebooks_and_suggestions(load):
    shown = inspect.signature(load).parameters
    for name, default in FIELDS.items():
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert shown[name].default == default
    assert set(names_of(load)) >= set(WhereArguments.__annotations__)


def test_the_other_arguments_are_left():
    where, others = split({"revision": "main", "padding_side": "left", "trust_remote_code": True})
    assert where == {"revision": "main", "trust_remote_code": True}
    assert others == {"padding_side": "left"}
    assert Where.of(where) == Where(revision="main")


def test_a_subfolder_means_the_same_to_every_loader(folder):
    assert litz.AutoConfig.from_pretrained(folder, subfolder="inner")["model_type"] == "llama"
    assert len(litz.AutoTokenizer.from_pretrained(folder, subfolder="inner")) > 0
    assert litz.GenerationConfig.from_pretrained(folder, subfolder="inner").top_k == 3
    pipe = litz.pipeline("text-generation", str(folder), subfolder="inner", local_files_only=True)
    assert Path(pipe.model.name_or_path) == folder
    with pytest.raises(ModelNotFoundError):
        litz.GenerationConfig.from_pretrained(folder)


def test_a_model_that_is_loaded_is_nowhere_else(folder):
    model = litz.AutoModelForCausalLM.from_pretrained(folder, subfolder="inner", threads=1)
    for name, value in {"revision": "v2", "cache_dir": "x", "subfolder": "y", "local_files_only": True}.items():
        with pytest.raises(ArgumentError, match=f"^{name}: the model is loaded already"):
            litz.pipeline("text-generation", model, tokenizer=folder / "inner", **{name: value})


@pytest.mark.parametrize("load", LOADERS[:5], ids=lambda load: load.__qualname__)
def test_a_misspelt_keyword_is_answered_with_the_right_one(load, folder):
    with pytest.raises(ArgumentError, match="did you mean local_files_only"):
        load(folder / "inner", local_file_only=True)


def test_what_may_not_be_loaded_from_the_network_is_not(folder, tmp_path):
    with pytest.raises(ModelNotFoundError, match="local_files_only=True forbids the network"):
        hub.resolve("owner/name", cache_dir=tmp_path, local_files_only=True, trust_remote_code=True)


def test_resolve_takes_no_other_argument(folder):
    with pytest.raises(TypeError, match="padding_side"):
        hub.resolve(folder / "inner", padding_side="left")
