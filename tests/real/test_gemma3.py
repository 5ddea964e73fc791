"""A real mixture of storage types (Q4_K, Q5_0, Q6_K, Q8_0, F32) and of windows: Gemma 3 270M from GGUF."""

import pytest

import litz
from tests.assets import asset

pytestmark = pytest.mark.slow


def test_the_dequantised_model_writes_what_the_reference_writes() -> None:
    path = asset("gemma3-270m")
    tokenizer = litz.AutoTokenizer.from_pretrained(path)
    model = litz.AutoModelForCausalLM.from_pretrained(path, dtype="float32", cache_dtype="float32")
    ids = tokenizer.encode("The capital of France is")
    assert ids == [2, 818, 5279, 529, 7001, 563]
    text = tokenizer.decode(model.generate([ids], max_new_tokens=10, do_sample=False)[0][len(ids) :])
    assert text == " the capital of the country of France. It is"


def test_every_kind_in_the_file_has_a_kernel_of_its_own() -> None:
    report = litz.AutoModelForCausalLM.from_pretrained(asset("gemma3-270m")).load_report
    assert not report.converted
    assert report.packed > 0


def test_exact_activations_write_what_the_dequantised_model_writes() -> None:
    path = asset("gemma3-270m")
    tokenizer = litz.AutoTokenizer.from_pretrained(path)
    ids = tokenizer.encode("The capital of France is")
    exact = litz.AutoModelForCausalLM.from_pretrained(path, activations="f32", cache_dtype="float32")
    whole = litz.AutoModelForCausalLM.from_pretrained(path, dtype="float32", cache_dtype="float32")
    assert exact.generate([ids], max_new_tokens=10, do_sample=False) == whole.generate(
        [ids], max_new_tokens=10, do_sample=False
    )
