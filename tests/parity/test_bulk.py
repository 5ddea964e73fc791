"""Batches: every form, any number of threads and any history give the ids of `tokenizers` for each text alone."""

import functools
import json
import struct
from collections import Counter
from itertools import pairwise

import pytest
from tokenizers import Tokenizer as Reference

from litz._core import Tokenizer
from litz.errors import ArgumentError
from tests.assets import asset
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import texts

BYTE_LEVEL = [
    "deepseek_v3", "gpt2", "gpt4", "gpt4o", "llama3_1", "mistral_nemo", "qwen2_5", "qwen3",
]  # fmt: skip


@functools.cache
def both(name: str) -> tuple[Reference, Tokenizer]:
    data = (asset(f"tokenizer-{name}") / "tokenizer.json").read_bytes()
    return Reference.from_str(data.decode()), Tokenizer.from_json(data)


@functools.cache
def small() -> Tokenizer:
    return Tokenizer.from_json(tiny.byte_level(tiny.split("llama3")).to_str().encode())


def rows(flat: tuple[bytearray, bytearray]) -> list[list[int]]:
    ids, ends = memoryview(flat[0]).cast("I"), memoryview(flat[1]).cast("q")
    return [list(ids[start:end]) for start, end in pairwise(ends)]


@pytest.mark.slow
@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_real_tokenizers_encode_batches_as_the_reference(name: str) -> None:
    reference, ours = both(name)
    inputs = list(texts(20_000, seed=BYTE_LEVEL.index(name)))
    inputs += ["".join(inputs[i : i + 200]) for i in range(0, 20_000, 200)]
    expected = [row.ids for row in reference.encode_batch_fast(inputs)]
    assert ours.encode_batch(inputs) == expected
    assert rows(ours.encode_flat(inputs)) == expected


@pytest.mark.slow
def test_threads_and_history_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, ours = both("llama3_1")
    inputs = ["".join(texts(300, seed=seed)) for seed in range(20)]
    monkeypatch.setenv("LITZ_NUM_THREADS", "1")
    alone = ours.encode_flat(inputs)
    monkeypatch.setenv("LITZ_NUM_THREADS", "7")
    assert ours.encode_flat(inputs) == alone
    assert rows(alone) == [ours.encode(text) for text in inputs]


@pytest.mark.slow
def test_long_runs_take_linear_time() -> None:
    reference, ours = both("llama3_1")
    for run in ("a", " ", "\n", "1", "!", "我", "ab", " \n", "\u0301", "'s"):
        text = run * 20_000
        assert ours.encode(text) == reference.encode(text).ids


def test_flat_padded_and_lists_say_the_same() -> None:
    ours, inputs = small(), ["A text.", "", "你好，世界", "another one  "]
    lists = [ours.encode(text) for text in inputs]
    assert ours.encode_batch(inputs) == lists
    assert rows(ours.encode_flat(inputs)) == lists
    for side in ("left", "right"):
        ids, mask, width = ours.encode_padded(inputs, pad_id=7, padding_side=side, multiple_of=8)
        assert width % 8 == 0
        for i, row in enumerate(lists):
            fill = width - len(row)
            padded = [7] * fill + row if side == "left" else row + [7] * fill
            ones = [0] * fill + [1] * len(row) if side == "left" else [1] * len(row) + [0] * fill
            assert list(struct.unpack_from(f"{width}q", ids, i * width * 8)) == padded
            assert list(struct.unpack_from(f"{width}q", mask, i * width * 8)) == ones


def test_long_rows_lose_the_side_that_is_asked() -> None:
    ours, text = small(), "some words that are cut"
    whole = ours.encode(text)
    assert ours.encode_batch([text], max_length=3) == [whole[:3]]
    assert ours.encode_batch([text], max_length=3, truncation_side="left") == [whole[-3:]]


def test_no_texts_are_no_rows() -> None:
    assert rows(small().encode_flat([])) == []
    assert small().encode_batch([]) == []
    assert small().encode_padded([])[2] == 0


def test_what_is_no_text_is_named() -> None:
    with pytest.raises(ArgumentError, match="int at 1"):
        small().encode_flat(["a", 1])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="found one str"):
        small().encode_flat("a")
    with pytest.raises(ArgumentError, match="surrogate"):
        small().encode_batch(["a\ud800"])
    with pytest.raises(ArgumentError, match="padding_side"):
        small().encode_padded(["a"], padding_side="up")


def dropping(dropout: float) -> tuple[Reference, Tokenizer]:
    file = json.loads(tiny.byte_level(tiny.split("llama3")).to_str())
    file["model"]["dropout"] = dropout
    return Reference.from_str(json.dumps(file)), Tokenizer.from_json(json.dumps(file).encode())


def test_dropout_of_one_merges_nothing() -> None:
    reference, ours = dropping(1.0)
    text = "the words of the text"
    assert ours.encode(text) == reference.encode(text).ids == [ours.token_to_id(c) for c in text.replace(" ", "Ġ")]


def test_dropout_is_repeated_with_its_seed() -> None:
    _, ours = dropping(0.3)
    text = "the words of the text " * 20
    ours.seed(5)
    first = ours.encode(text)
    assert ours.encode(text) != first
    ours.seed(5)
    assert ours.encode(text) == first


@pytest.mark.slow
def test_dropout_is_distributed_as_upstream() -> None:
    reference, ours = dropping(0.4)
    count, word = 20_000, " the words"
    expected = Counter(tuple(reference.encode(word).ids) for _ in range(count))
    found = Counter(tuple(ours.encode(word)) for _ in range(count))
    for ids in expected.keys() | found.keys():
        spread = 6 * max(expected[ids], found[ids], 1) ** 0.5
        assert abs(expected[ids] - found[ids]) < 2 * spread, ids
