"""The public names are pinned, and importing litz imports nothing heavy."""

import subprocess
import sys

import pytest

import litz

PUBLIC = """__version__ AddedToken AsyncTextIteratorStreamer AutoConfig AutoModel AutoModelForCausalLM
AutoModelForMaskedLM AutoModelForMultipleChoice AutoModelForQuestionAnswering AutoModelForSequenceClassification
AutoModelForTokenClassification AutoTokenizer BatchEncoding CausalLMOutput Config errors GenerationConfig
LogitsProcessor LogitsProcessorList NativeCausalLM NativeEncoder pipeline PreTrainedTokenizer
PreTrainedTokenizerBase PreTrainedTokenizerFast
SentenceEncoder set_seed Spec
StoppingCriteria StoppingCriteriaList TextIteratorStreamer TextStreamer Tokenizer""".split()
PUBLIC += [
    f"{family}Tokenizer{fast}"
    for family in ("Bert", "CodeGen", "GPT2", "GPTNeoX", "Gemma", "Llama", "Qwen2", "Roberta", "T5")
    for fast in ("", "Fast")
]


def test_the_public_names_are_these() -> None:
    assert sorted(litz.__all__) == sorted(PUBLIC)


def test_every_public_name_can_be_imported() -> None:
    for name in PUBLIC:
        assert getattr(litz, name) is not None
    assert set(PUBLIC) <= set(dir(litz))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="AutoModelForCausalLM"):
        litz.AutoModelForTelepathy  # noqa: B018


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_importing_litz_brings_nothing_heavy() -> None:
    assert not {"numpy", "torch", "huggingface_hub", "litz._core", "json"} & (
        modules_after("import litz") - modules_after("pass")
    )


def test_the_auto_classes_bring_neither_numpy_nor_torch() -> None:
    loaded = modules_after("from litz import AutoModel, AutoModelForCausalLM, AutoTokenizer, pipeline")
    assert not {"numpy", "torch", "huggingface_hub", "transformers"} & loaded


def test_the_version_is_one() -> None:
    from litz import _core

    assert _core.__version__ == litz.__version__
