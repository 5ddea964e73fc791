"""The `litz` command on the real default model, as processes of their own."""

import json
import os
import subprocess
import sys

import pytest

from litz.hub.cache import package_folder, package_note, write_json
from litz.hub.sources import PACKAGE, parse_package
from tests.assets import asset

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "import sys; from litz.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """litz's own cache with the default model in it, and no network."""
    home = tmp_path_factory.mktemp("litz")
    source = parse_package(PACKAGE)
    path = package_folder(source, home) / source.member
    path.parent.mkdir(parents=True)
    path.symlink_to(asset("smollm2"))
    note = {"files": {source.member: {"bytes": path.stat().st_size, "sha256": source.sha256}}}
    write_json(package_note(source, home), note)
    return {**os.environ, "LITZ_HOME": str(home), "HF_HUB_OFFLINE": "1"}


def litz(environ, *arguments, **keywords):
    done = subprocess.run(
        [*COMMAND, *arguments], env=environ, capture_output=True, text=True, check=False, **{"input": "", **keywords}
    )
    assert done.returncode == 0, done.stderr
    return done


def test_an_answer_is_repeatable_and_sensible(environ):
    prompt = "Explain in two sentences how a transformer predicts the next token."
    requested = ("chat", prompt, "--greedy", "--max-new-tokens", "32")
    first = litz(environ, *requested).stdout
    assert "transformer predicts the next token" in first
    assert litz(environ, *requested).stdout == first


def test_the_first_question_gets_its_answer(environ):
    """As the default model is sampled by default."""
    requested = ("chat", "What is the capital of France?", "--seed")
    answers = [litz(environ, *requested, str(seed)).stdout for seed in range(10)]
    assert sum("Paris" in answer for answer in answers) >= 9


def test_a_pipe_and_one_thread_give_the_same_answer(environ):
    prompt, options = "What is the capital of France?", ("--greedy", "--max-new-tokens=24")
    piped = litz(environ, "chat", *options, input=prompt)
    assert piped.stdout == litz(environ, "chat", prompt, *options, "--threads=1").stdout


def test_a_seed_repeats_a_sample(environ):
    arguments = ("chat", "Invent a name.", "--temperature", "1", "--seed", "5", "--max-new-tokens", "12")
    assert litz(environ, *arguments).stdout == litz(environ, *arguments).stdout


def test_stats_count_the_tokens(environ):
    shown = litz(environ, "chat", "Hi", "--max-new-tokens", "3", "--stats").stderr
    assert "answer: 3 tokens" in shown
    assert "tokens/s" in shown


def test_a_chat_brings_neither_numpy_nor_the_network(environ):
    code = "import sys; from litz.cli import main; print(main(['chat', 'Hi', '--max-new-tokens', '1']), *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True, input=""
    )
    answer, modules = done.stdout.splitlines()
    assert (answer, modules.split()[0]) == ("Hello", "0")
    heavy = {"numpy", "torch", "huggingface_hub", "asyncio", "socket", "ssl", "urllib.request"}
    assert not heavy & set(modules.split())


def test_generate_continues_a_text(environ):
    text = "The capital of France is"
    shown = litz(environ, "generate", "SmolLM2-135M-Instruct", text, "--max-new-tokens", "4").stdout
    assert shown.startswith(" Paris")


def test_info_tells_what_the_model_is(environ):
    shown = litz(environ, "info", "--context", "1024").stdout
    rows = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert rows["family"] == "llama, 30 layers, width 576"
    assert rows["parameters"] == "134,515,008"
    assert rows["weights"].startswith("Q4_1 66 MB, Q8_0 30 MB")
    assert "cache 24 MB for 1,024 tokens" in rows["memory"]
    assert "eos <|im_end|> (2)" in rows["special"]
    text = json.loads(litz(environ, "info", "--spec").stdout)["towers"]["text"]
    assert (text["width"], len(text["layers"])) == (576, 30)
    assert "<|im_start|>" in litz(environ, "info", "--template").stdout


def test_a_prompt_that_does_not_fit_is_one_clear_line(environ):
    command = [*COMMAND, "chat", "a b c d e f", "--context", "8"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, input="")
    assert done.returncode == 1
    assert "do not fit into the context of 8" in done.stderr
    assert done.stderr.count("\n") == 1
