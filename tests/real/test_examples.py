"""The examples run as a learner runs them: the model by its path, answers typed at the prompt, not one warning."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.assets import asset

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, typed: str = "") -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), str(asset("smollm2"))]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_generate_text() -> None:
    printed = run("generate_text.py")
    assert printed.startswith("请写一个关于人工智能的故事")
    assert "<|im_start|>user\nCreate a funny joke about chickens.<|im_end|>" in printed


def test_pipeline_chat() -> None:
    printed = run("pipeline_chat.py", "What is the capital of France?\nAnd of Italy?\nexit\n")
    assert printed.count("Assistant:") == 2
    assert "Paris" in printed


def test_tokens_and_logits() -> None:
    printed = run("tokens_and_logits.py")
    assert "Number of tokens: 49152" in printed
    assert printed.count("Token ID:") == 10
    assert "<|im_start|>assistant" in printed


def test_every_example_is_run_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested
