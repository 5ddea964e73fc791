"""One tokenizer among threads, in forked processes and over many texts: the results of one call at a time."""

import json
import os
import random
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from litz.tokenizers import Tokenizer, from_pretrained
from tests.unit import tiny

PIECES = ["hello ", "wörld ", "<user>", "你好", "12 345", "\n", "😀", "<bos>", "it's", "", "a\u0301"]


def folder(path: Path) -> Path:
    (path / "tokenizer.json").write_bytes(tiny.tokenizer_json())
    (path / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>", "eos_token": "<eos>"}))
    return path


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    return from_pretrained(folder(tmp_path))


def call(tokenizer: Tokenizer, seed: int) -> Any:
    """One of the calls, with its texts, that a number stands for."""
    draw = random.Random(seed)
    texts = ["".join(draw.choices(PIECES, k=draw.randrange(9))) for _ in range(3)]
    match seed % 7:
        case 0:
            return dict(tokenizer(texts[0]))
        case 1:
            return dict(tokenizer(texts, padding=True, truncation=True, max_length=9))
        case 2:
            return tokenizer(texts[0], texts[1], return_offsets_mapping=True).offset_mapping
        case 3:
            return tokenizer.decode(tokenizer.encode(texts[2]), skip_special_tokens=True)
        case 4:
            encoded = tokenizer(texts, truncation=True, max_length=5, stride=2, return_overflowing_tokens=True)
            return encoded.overflow_to_sample_mapping, [encoded.tokens(row) for row in range(len(encoded.input_ids))]
        case 5:
            return tokenizer.tokenize(texts[1]), tokenizer(texts).char_to_token(1, 0)
        case _:
            return [array.tolist() for array in tokenizer.encode_batch_flat(texts)]


@pytest.mark.parametrize("calls", [300, pytest.param(4000, marks=pytest.mark.slow)])
def test_sixteen_threads_get_what_one_gets(tokenizer: Tokenizer, calls: int) -> None:
    expected = [call(tokenizer, seed) for seed in range(500)]
    start = threading.Barrier(16)

    def work(thread: int) -> list[int]:
        start.wait()
        places = [(4001 * thread + 13 * n) % 500 for n in range(calls)]
        return [place for place in places if call(tokenizer, place) != expected[place]]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [[]] * 16


FORKS = """
import os, sys, threading
from tests.unit.tokenizers.test_threads import call
from litz.tokenizers import from_pretrained

tokenizer = from_pretrained(sys.argv[1])
long = ["hello world, " * 4000] * 8
expected = [call(tokenizer, seed) for seed in range(70)]
many = tokenizer(long).input_ids  # enough text for several threads

def alike():
    return expected == [call(tokenizer, seed) for seed in range(70)] and tokenizer(long).input_ids == many

def forked(busy):
    stop = threading.Event()
    threads = [threading.Thread(target=lambda: [tokenizer(long) for _ in iter(stop.is_set, True)]) for _ in range(busy)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(6):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if alike() else 1)
        children.append(pid)
    good = alike()
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    stop.set()
    for thread in threads:
        thread.join()
    return good and codes == [0] * 6

print(forked(0), forked(2), alike())
"""


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    # Forking beside threads is what is tested here: Python itself warns of it from 3.12 on.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code), *arguments]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=root,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("parallelism", ["", *(pytest.param(x, marks=pytest.mark.slow) for x in ("true", "false"))])
def test_a_tokenizer_works_on_in_parent_and_children_and_says_nothing(tmp_path: Path, parallelism: str) -> None:
    done = run(FORKS, str(folder(tmp_path)), TOKENIZERS_PARALLELISM=parallelism)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True", "True", "True"], "")


GROWTH = """
import resource, sys
from litz.tokenizers import from_pretrained

tokenizer = from_pretrained(sys.argv[1])
count, seen = int(sys.argv[2]), []

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

for batch in range(count // 1000):
    texts = [f"text {batch * 1000 + n}: {'word ' * (n % 7)}{n * 7919 % 10007}" for n in range(1000)]
    tokenizer(texts)
    tokenizer.encode_batch_flat(texts)
    tokenizer(texts[0], return_offsets_mapping=True)
    if batch % 50 == 49:
        seen.append(resident())
print(max(seen) - seen[len(seen) // 4])
"""


@pytest.mark.slow
def test_memory_stays_as_it_is_over_millions_of_texts(tmp_path: Path) -> None:
    done = run(GROWTH, str(folder(tmp_path)), "5000000", LITZ_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    # The word cache is full after a few of the texts; the ids of all of them would be several times as much.
    assert int(done.stdout) < 64 << 20
