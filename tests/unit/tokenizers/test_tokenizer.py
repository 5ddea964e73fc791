"""What a tokenizer refuses, by name and place in the file, and what holds for every file."""

import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from litz._core import Tokenizer
from litz.errors import ArgumentError, FormatError, InsufficientMemoryError, LitzError, UnsupportedError
from tests.parity.harness import tiny_tokenizers as tiny

File = dict[str, Any]


def minimal() -> File:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added(3, "<s>")],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]},
    }


def added(id: int, content: str, **flags: bool) -> File:
    names = ("special", "lstrip", "rstrip", "single_word", "normalized")
    return {"id": id, "content": content, **dict.fromkeys(names, False), **flags}


def load(file: File) -> Tokenizer:
    return Tokenizer.from_json(json.dumps(file).encode())


def put(path: str, value: Any) -> Callable[[File], None]:
    """An edit of one key, `a.b` for nested ones."""

    def edit(file: File) -> None:
        *parents, key = path.split(".")
        for parent in parents:
            file = file[parent]
        file[key] = value

    return edit


UNSUPPORTED = [
    ("model", {"type": "Neural", "vocab": {"a": 0}}, "model.type: Neural"),
    ("model.surprise", 1, "model.surprise"),
    ("surprise", 1, "tokenizer.json: surprise"),
    ("normalizer", {"type": "Other"}, "normalizer: the normalizer Other"),
    ("normalizer", {"type": "NFC", "form": 2}, "normalizer.form"),
    ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [{"type": "Other"}]}, r"pre_tokenizer.pretokenizers\[0\]"),
    ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}, "pattern"),
    ("post_processor", {"type": "Other"}, "post_processor: the post-processor Other"),
    ("decoder", {"type": "Other"}, "decoder: the decoder Other"),
]
MALFORMED = [
    ("version", "2.0", "version"),
    ("added_tokens", [added(4, "x"), added(4, "y")], r"\"y\" \(id 4\) has the id of another"),
    ("added_tokens", [added(3, "x"), added(4, "x")], "twice"),
    ("added_tokens", [added(1, "x")], 'has the id of "b"'),
    ("added_tokens", [added(7, "a")], "has the id 0 in model.vocab"),
    ("added_tokens", [added(-1, "x")], "added_tokens: invalid value"),
    ("added_tokens", [{"id": 3}], "added_tokens: missing field"),
    ("model.vocab", {"a": 0, "b": 0}, 'both "a" and "b" have the id 0'),
    ("model.vocab", {"a": 4_000_000_000}, "out of proportion"),
    ("model.vocab", {"a": -1}, 'model.vocab: "a": invalid value'),
    ("model.vocab", {"a": "x"}, "model.vocab"),
    ("model.vocab", [], "model.vocab"),
    ("model.merges", ["a b c"], r"model.merges: \[0\]"),
    ("model.merges", [["a", "b"], ["b"]], r"model.merges: \[1\]"),
    ("model.merges", [["a", "z"]], r"model.merges\[0\]: \"z\" is not in the vocabulary"),
    ("model.merges", [["b", "a"]], '"ba" is not in the vocabulary'),
    ("model.merges", None, "model.merges"),
    ("model.dropout", 2.0, "model.dropout"),
    ("decoder", {"type": "Strip", "content": "xy", "start": 1, "stop": 0}, "decoder.content"),
    ("decoder", {"type": "Strip", "content": "x", "start": -1, "stop": 0}, "decoder.start"),
    ("decoder", "Fuse", "decoder: found text, expected an object"),
    ("pre_tokenizer", {"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"}, "prepend_scheme"),
    ("post_processor", {"type": "BertProcessing", "sep": ["</s>", 99], "cls": ["<s>", 3]}, "no token has the id 99"),
]


@pytest.mark.parametrize(("path", "value", "message"), UNSUPPORTED)
def test_what_litz_does_not_implement_is_named(path: str, value: Any, message: str) -> None:
    file = minimal()
    put(path, value)(file)
    with pytest.raises(UnsupportedError, match=message):
        load(file)


@pytest.mark.parametrize(("path", "value", "message"), MALFORMED)
def test_a_malformed_file_is_refused_with_its_place(path: str, value: Any, message: str) -> None:
    file = minimal()
    put(path, value)(file)
    with pytest.raises(FormatError, match=message):
        load(file)


def test_every_truncation_of_a_file_is_refused() -> None:
    data = json.dumps(minimal()).encode()
    for length in range(len(data)):
        with pytest.raises(FormatError):
            Tokenizer.from_json(data[:length])


def variants(value: Any, rng: random.Random) -> Any:
    """The value with one part of it, at any depth, gone or put in place of another."""
    strange = [None, True, -1, 0.5, 2**32, "", "ab", "▁", [], {}, [["a", "b"]], {"type": "Fuse"}, {"String": "a"}]
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        copy = value.copy()
        key = rng.choice(list(copy)) if isinstance(copy, dict) else rng.randrange(len(copy))
        if rng.random() < 0.1:
            del copy[key]
        else:
            copy[key] = variants(copy[key], rng)
        return copy
    return rng.choice(strange)


@pytest.mark.parametrize("name", ["BYTE_LEVEL/falcon", "BYTE_LEVEL/llama3", "SENTENCE_PIECE/legacy"])
def test_a_file_with_any_part_exchanged_loads_or_is_refused_by_name(name: str) -> None:
    family, kind = name.split("/")
    file = json.loads(tiny.with_post_processor(getattr(tiny, family)[kind](), "template").to_str())
    file["model"]["vocab"] = dict(list(file["model"]["vocab"].items())[:40])
    file["model"]["merges"] = []
    rng = random.Random(0)
    outcomes = {"refused": 0, "loaded": 0}
    for _ in range(3000):
        try:
            tokenizer = load(variants(file, rng))
            ids = tokenizer.encode("It's <s> 12345 你好 ab\n")
            assert isinstance(tokenizer.decode([*ids, 0, 1, 2, 39]), str)
            outcomes["loaded"] += 1
        except LitzError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100


def test_a_deeply_nested_file_is_refused() -> None:
    with pytest.raises(FormatError, match="recursion"):
        Tokenizer.from_json(b'{"normalizer": ' + b'{"type": "Sequence", "normalizers": [' * 5000)


def test_dropout_of_everything_leaves_the_characters() -> None:
    file = minimal()
    put("model.dropout", 1.0)(file)
    assert load(file).encode("ab") == [0, 1]


def test_an_unknown_token_outside_the_vocabulary_is_an_error_once_it_is_needed() -> None:
    file = minimal()
    put("model.unk_token", "?")(file)
    tokenizer = load(file)
    assert tokenizer.encode("ab") == [2]
    with pytest.raises(FormatError, match=r"model\.unk_token"):
        tokenizer.encode("c")


def test_a_regex_that_backtracks_for_ever_is_an_error() -> None:
    file = minimal()
    pattern = {"type": "Split", "pattern": {"Regex": r"(?:(a|aa))+\1c"}, "behavior": "Isolated", "invert": False}
    put("pre_tokenizer", pattern)(file)
    with pytest.raises(LitzError, match="gave up on this text"):
        load(file).encode("a" * 200)


def test_text_that_grows_without_bound_is_an_error() -> None:
    file = minimal()
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    put("normalizer", {"type": "Sequence", "normalizers": [double] * 60})(file)
    with pytest.raises(InsufficientMemoryError, match="bytes of text"):
        load(file).encode("a")


def test_text_that_is_no_text_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="lone surrogate"):
        load(minimal()).encode("\ud800")


def test_tokens_and_ids_are_looked_up_both_ways() -> None:
    tokenizer = load(minimal())
    assert tokenizer.token_to_id("<s>") == 3
    assert tokenizer.id_to_token(2) == "ab"
    assert (tokenizer.token_to_id("zz"), tokenizer.id_to_token(9)) == (None, None)
    assert (tokenizer.vocab_size(), tokenizer.vocab_size(with_added=False)) == (4, 3)
    assert tokenizer.vocab() == {"a": 0, "b": 1, "ab": 2, "<s>": 3}
    assert tokenizer.added_tokens() == [(3, "<s>", False, False, False, False, False)]
    assert tokenizer.encode_batch(["ab", "<s>b"]) == [[2], [3, 1]]


def test_a_stream_begins_anew_after_its_end() -> None:
    stream = load(minimal()).stream()
    assert [stream.push(2), stream.finish(), stream.push(0), stream.finish()] == ["ab", "", "a", ""]


def test_threads_share_a_tokenizer() -> None:
    tokenizer, wrong = load(minimal()), []

    def work(n: int) -> None:
        for _ in range(200):
            wrong.extend({"encode"} if tokenizer.encode("ab" * n) != [2] * n else ())
            wrong.extend({"decode"} if tokenizer.decode([2] * n) != "ab" * n else ())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
