"""Patterns that match between characters, in every stage that has one: as the `tokenizers` library has it."""

import json
from typing import Any

import pytest
from tokenizers import Tokenizer as Reference

from litz._core import Tokenizer
from litz.tokenizers import python_backend
from tests.parity.harness.differential import failing

TEXTS = ["", "a", "ab", "abb", "é", "a b", "b", " b\n", "\u0301a", "bbab 你"]
PATTERNS = [
    {"String": ""}, {"Regex": ""}, {"Regex": "b*"}, {"Regex": "(?=b)"}, {"Regex": "$"}, {"Regex": "^"},
    {"Regex": r"\b"},
    {"Regex": "x?"}, {"Regex": "|a"}, {"Regex": "a|"}, {"Regex": r"\A"}, {"Regex": r"\z"}, {"Regex": "(?<=b)"},
]  # fmt: skip
BEHAVIORS = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
CHARACTERS = sorted(set("".join(TEXTS) + "-x"))


def everyone(**stages: Any) -> tuple[Reference, list[Any]]:
    vocab = {char: id for id, char in enumerate(["<unk>", *CHARACTERS])}
    file = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>"}, **stages,
    }  # fmt: skip
    text = json.dumps(file)
    return Reference.from_str(text), [Tokenizer.from_json(text.encode()), python_backend.PythonTokenizer(file)]


def assert_alike(reference: Reference, ours: list[Any]) -> None:
    for core in ours:
        for text in TEXTS:
            expected, found = reference.encode(text), core.encode_full(text)
            assert core.encode(text) == expected.ids, text
            assert (found.ids, found.offsets) == (expected.ids, expected.offsets), text
            assert found.word_ids == expected.word_ids, text


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("content", ["-", "", "xx"])
def test_a_replacement_stands_between_characters(pattern: dict[str, str], content: str) -> None:
    replace = {"type": "Replace", "pattern": pattern, "content": content}
    reference, ours = everyone(normalizer=replace)
    for text in TEXTS:
        for core in ours:
            assert core.encode(text) == core.encode_full(text).ids, text
            assert [core.id_to_token(id) for id in core.encode(text)] == list(reference.normalizer.normalize_str(text))
        # Where the reference panics, it gives no places.
        places = failing(lambda text=text: reference.encode(text).offsets)
        assert places is None or all(core.encode_full(text).offsets == places for core in ours), text


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("invert", [False, True])
def test_a_text_is_split_between_characters(pattern: dict[str, str], behavior: str, *, invert: bool) -> None:
    assert_alike(*everyone(pre_tokenizer={"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}))


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("joined", [False, True])
def test_a_decoder_writes_between_characters(pattern: dict[str, str], *, joined: bool) -> None:
    steps = [{"type": "Fuse"}] if joined else []
    steps.append({"type": "Replace", "pattern": pattern, "content": "-"})
    reference, ours = everyone(decoder={"type": "Sequence", "decoders": steps})
    for core in ours:
        for ids in ([], [1], [1, 2], [3, 3, 4], list(range(len(CHARACTERS)))):
            stream = core.stream(False)
            streamed = "".join([*map(stream.push, ids), stream.finish()])
            assert core.decode(ids) == streamed == reference.decode(ids), ids
