"""The embedded default, a real quantised model, against transformers reading the same GGUF file in float32."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

import litz
from tests.assets import asset

pytestmark = pytest.mark.slow

PROMPTS = [
    "The capital of France is",
    "Explain gravity to a child.",
    "def fibonacci(n):",
    "Once upon a time, in a small village",
    "Water boils at",
    "The three laws of thermodynamics are",
    "Dear Sir or Madam,",
    "2 + 2 * 3 =",
    "The best way to learn is",
    "In 1969, humans",
    "A list of fruits:\n1. apple\n2.",
    "Translate to German: Good morning.",
    "Photosynthesis is the process",
    "My favourite recipe begins with",
    "The difference between a list and a tuple",
    "你好，请介绍一下你自己。",
    "北京是中国的",
    "今天天气很好，我们",
    "人工智能的历史",
    "从前有一座山",
]
NEW_TOKENS = 64


@pytest.fixture(scope="module")
def path() -> Path:
    return asset("smollm2")


@pytest.fixture(scope="module")
def exact(path: Path) -> litz.NativeCausalLM:
    """The dequantised weights in float32: no rounding but the arithmetic's own."""
    return litz.AutoModelForCausalLM.from_pretrained(path, dtype="float32", cache_dtype="float32")


@pytest.fixture(scope="module")
def reference(path: Path) -> hf.PreTrainedModel:
    model = hf.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    return model.eval()


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.filterwarnings("ignore")  # the reference's own, while it reads GGUF
def test_greedy_text_is_the_reference_s(
    prompt: str, path: Path, exact: litz.NativeCausalLM, reference: hf.PreTrainedModel
) -> None:
    ids = litz.AutoTokenizer.from_pretrained(path).encode(prompt)
    whole = exact.generate([ids], max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=[])[0]
    assert len(whole) == len(ids) + NEW_TOKENS
    with torch.no_grad():
        logits = reference(torch.tensor([whole])).logits[0]
    # By induction this is the reference's greedy text: each token is its choice after the same tokens.
    assert whole[len(ids) :] == logits[len(ids) - 1 : -1].argmax(-1).tolist()


def perplexity(model: litz.NativeCausalLM, ids: list[int], window: int = 512) -> float:
    """exp of the mean negative log-likelihood over disjoint windows."""
    total, count = 0.0, 0
    for start in range(0, len(ids) - 1, window):
        piece = np.array([ids[start : start + window]])
        scores = model(piece).logits[0, :-1].astype(np.float64)  # (time - 1, vocab)
        scores -= scores.max(-1, keepdims=True)
        likelihood = scores[np.arange(len(scores)), piece[0, 1:]] - np.log(np.exp(scores).sum(-1))
        total, count = total - likelihood.sum(), count + len(likelihood)
    return math.exp(total / count)


@pytest.fixture(scope="module")
def english(path: Path) -> list[int]:
    text = asset("botchan").read_text(encoding="utf-8")[:20_000]
    return litz.AutoTokenizer.from_pretrained(path).encode(text)


@pytest.fixture(scope="module")
def exact_perplexity(exact: litz.NativeCausalLM, english: list[int]) -> float:
    return perplexity(exact, english)


@pytest.mark.parametrize(("activations", "cost"), [("auto", 1e-4), ("fast", 0.01)])
def test_rounded_activations_cost_little_perplexity(
    path: Path, exact_perplexity: float, english: list[int], activations: str, cost: float
) -> None:
    rounded = litz.AutoModelForCausalLM.from_pretrained(path, activations=activations)
    assert perplexity(rounded, english) == pytest.approx(exact_perplexity, rel=cost)


def test_the_default_activations_keep_the_likeliest_token(
    path: Path, exact: litz.NativeCausalLM, english: list[int]
) -> None:
    ids = np.array([english[:1000]])
    found, expected = litz.AutoModelForCausalLM.from_pretrained(path)(ids).logits[0], exact(ids).logits[0]
    assert (found.argmax(-1) == expected.argmax(-1)).mean() >= 0.99
