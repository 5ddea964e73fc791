"""The errors of `litz.X` and `from litz import X` for missing names: the same text, without other suggestions."""

import copy
import doctest
import importlib
import inspect
import pickle
import subprocess
import sys

import pytest

import litz

# name -> what its error must say
TOLD = {
    "AutoModelForCausalLLM": "did you mean AutoModelForCausalLM?",
    "AutoModelForCasualLM": "did you mean AutoModelForCausalLM?",
    "autotokenizer": "did you mean AutoTokenizer?",
    "Pipeline": "did you mean pipeline?",
    "TextItratorStreamer": "did you mean TextIteratorStreamer?",
    "Trainer": "does not train models",
    "TrainingArguments": "does not train models",
    "DataCollatorForLanguageModeling": "does not train models",
    "SFTTrainer": "does not train models",
    "AutoModelForPreTraining": "AutoModelForMaskedLM give logits",
    "AutoModelForDepthEstimation": "models of text alone: AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM": "models of text alone",
    "AutoProcessor": "models of text alone",
    "BertForMaskedLM": "one class loads every family",
    "BertForNextSentencePrediction": "models of text alone",
    "BertModel": "AutoModel for hidden states",
    "LlamaForCausalLM": "one class loads every family",
    "GPT2LMHeadModel": "one class loads every family",
    "PreTrainedModel": "one class loads every family",
    "MistralTokenizerFast": "AutoTokenizer reads every kind",
    "Qwen3Config": "AutoConfig.from_pretrained",
    "BitsAndBytesConfig": "load a GGUF file",
    "GPTQConfig": "load a GGUF file",
    "LoraConfig": "merge them into the model",
    "PeftModel": "merge them into the model",
    "TFAutoModelForCausalLM": "without TensorFlow",
    "DynamicCache": "caches by itself",
    "TopPLogitsWarper": "temperature, top_k or top_p",
    "MaxLengthCriteria": "max_new_tokens",
    "TextGenerationPipeline": "litz.pipelines.TextGenerationPipeline",
    "BaseStreamer": "litz.generation.BaseStreamer",
    "logging": "logging.getLogger",
    "load_dataset": "another package",
    "Telepathy": "it has __version__, AddedToken, .*AutoModelForCausalLM",
}


@pytest.mark.parametrize("name", TOLD)
def test_an_attribute_and_an_import_say_the_same(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'litz' has no attribute '{name}': .*{TOLD[name]}"):
        getattr(litz, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}' from 'litz': .*{TOLD[name]}") as raised:
        exec(f"from litz import {name}")
    assert raised.value.name == "litz"
    assert not hasattr(litz, name)


def test_what_the_advice_names_exists() -> None:
    for name in ("pipelines.TextGenerationPipeline", "generation.BaseStreamer", "tokenizers.get_json_schema"):
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(f"litz.{module}"), attribute)


def test_one_import_of_several_names_says_which_is_missing() -> None:
    with pytest.raises(ImportError, match="'Trainer'"):
        exec("from litz import AutoTokenizer, Trainer")


def test_modules_of_the_package_can_be_imported_from_it() -> None:
    code = "from litz import hub, errors, tokenizers; import litz.config; print(hub.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "litz.hub\n", done.stderr


def test_a_star_imports_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from litz import *", names)
    assert set(litz.__all__) <= set(names)


def test_what_looks_for_special_names_finds_none() -> None:
    for name in ("__wrapped__", "__pytest_wrapped__", "_repr_html_", "__getstate_manages_dict__"):
        assert not hasattr(litz, name)
    with pytest.raises(AttributeError, match=r"^module 'litz' has no attribute '__wrapped__'$"):
        litz.__wrapped__  # noqa: B018
    assert inspect.unwrap(litz) is litz
    assert doctest.testmod(litz).failed == 0
    assert inspect.getmodule(litz.AutoTokenizer) is importlib.import_module("litz.models.auto")
    assert pickle.loads(pickle.dumps(litz.GenerationConfig(top_k=3))) == copy.deepcopy(litz.GenerationConfig(top_k=3))


def test_a_traceback_adds_no_second_suggestion() -> None:
    code = "import litz; litz.AutoModelForCausalLLM"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert printed.lower().count("did you mean") == 1
