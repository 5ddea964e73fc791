"""Hostile tokenizer files: each is a clear error or costs little, and none ends the process."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litz import _core
from litz.errors import LitzError

LETTERS = {chr(97 + i): i for i in range(26)}
TEXT = "hello abc  <s>你好\u0301" * 3


def file(model: Any = None, **sections: Any) -> bytes:
    model = {"type": "BPE", "vocab": LETTERS, "merges": []} if model is None else model
    return json.dumps({"version": "1.0", "added_tokens": [], **sections, "model": model}).encode()


def bpe(**changes: Any) -> bytes:
    return file({"type": "BPE", "vocab": LETTERS, "merges": [], **changes})


def added(id: Any, content: Any, **flags: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": id, "content": content, **plain, **flags}


DEEP = b'{"a":' * 100_000
REFUSED = {
    "empty": b"",
    "a number": b"1",
    "no model": b"{}",
    "truncated": bpe()[:-20],
    "nested deeply": b'{"version":"1.0","normalizer":' + DEEP,
    "a normalizer nested deeply": file(normalizer=json.loads("[" * 200 + "]" * 200)),
    "ids that are no numbers": bpe(vocab={"a": "0"}),
    "a negative id": bpe(vocab={"a": -1}),
    "a fraction": bpe(vocab={"a": 0.5}),
    "a huge id": bpe(vocab={"a": 2**32 - 2}),
    "an id beyond 32 bits": bpe(vocab={"a": 2**32}),
    "two tokens with one id": bpe(vocab={"a": 0, "b": 0}),
    "one token with two ids": b'{"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}}',
    "a merge of strangers": bpe(merges=[["a", "?"]]),
    "a merge into a stranger": bpe(merges=[["a", "b"]]),
    "a merge of three": bpe(merges=[["a", "b", "c"]]),
    "a merge of one": bpe(merges=["ab"]),
    "merges that are an object": bpe(merges={"a": "b"}),
    "dropout above one": bpe(dropout=1.5),
    "a vocabulary of the wrong kind": file({"type": "BPE", "vocab": [["a", 0.0]], "merges": []}),
    "a list for WordPiece": file({"type": "WordPiece", "vocab": [["a", 0.0]], "unk_token": "a"}),
    "an unknown id that is not there": file({"type": "Unigram", "unk_id": 5, "vocab": [["a", 0.0]]}),
    "an endless token of Unigram": file({"type": "Unigram", "unk_id": 0, "vocab": [["a" * 100_000, 0.0]]}),
    "an unknown model": file({"type": "Oracle", "vocab": {}}),
    "an added token with a huge id": file(added_tokens=[added(2**40, "<s>")]),
    "an added token that is no text": file(added_tokens=[added(30, 7)]),
    "a template of unknown tokens": file(
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    ),
    "a template with an id that no token has": file(
        post_processor={"type": "BertProcessing", "sep": ["x", 999], "cls": ["y", 998]}
    ),
    "a regex that is none": file(normalizer={"type": "Replace", "pattern": {"Regex": "("}, "content": ""}),
    "a regex of giant repetition": file(
        pre_tokenizer={
            "type": "Split",
            "pattern": {"Regex": "(((a{999}){999}){999}){999}"},
            "behavior": "Isolated",
            "invert": False,
        }
    ),
    "a charsmap that is no base64": file(normalizer={"type": "Precompiled", "precompiled_charsmap": "?"}),
    "a charsmap that is too short": file(
        normalizer={"type": "Precompiled", "precompiled_charsmap": base64.b64encode(b"\xff\xff\xff\xff").decode()}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_meant_is_refused(name: str) -> None:
    with pytest.raises(LitzError) as caught:
        _core.Tokenizer.from_json(REFUSED[name])
    assert len(str(caught.value)) < 2000


def chain(count: int) -> dict[str, Any]:
    """Each token is the one before and one letter more: the text of all is quadratic in their number."""
    tokens = ["a" * (i + 1) for i in range(count)]
    merges = [[tokens[i], "a"] for i in range(count - 1)]
    return {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}


SURVIVED = {
    "no tokens": bpe(vocab={}, merges=[]),
    "a chain of merges": file(chain(2000)),
    "merges that come twice": file({**chain(3), "merges": [["a", "a"]] * 50_000}),
    "tokens that nothing reaches": bpe(vocab={**LETTERS, "zzzz": 26, "qq": 27}),
    "many added tokens that begin alike": file(added_tokens=[added(26 + i, "<" * (i + 1)) for i in range(500)]),
    "tokens that take white space from each other": file(
        added_tokens=[added(26, " ", lstrip=True, rstrip=True), added(27, "  ", lstrip=True)]
    ),
    "a regex that backtracks": file(
        pre_tokenizer={
            "type": "Split",
            "pattern": {"Regex": r"(l+)+(?=\d)|(?:a|a?)+b"},
            "behavior": "Isolated",
            "invert": False,
        }
    ),
    "a replacement that grows": file(
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": "l"}, "content": "l" * 1000}] * 6,
        }
    ),
    "scores without bounds": file(
        {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", -1e308], ["a", 1e308], ["b", -1e308]]}
    ),
    "a word limit of nothing": file(
        {
            "type": "WordPiece",
            "vocab": {"[UNK]": 0},
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 0,
        }
    ),
}


@pytest.mark.parametrize("name", SURVIVED)
@pytest.mark.parametrize("text", [TEXT, "l" * 20_000, "a" * 20_000, " " * 20_000, "<" * 5_000])
def test_a_file_that_could_be_meant_costs_little(name: str, text: str) -> None:
    tokenizer = _core.Tokenizer.from_json(SURVIVED[name])
    try:
        ids = tokenizer.encode(text)
        assert tokenizer.encode_full(text, add_special_tokens=True).ids == ids
    except LitzError:
        return
    assert isinstance(tokenizer.decode(ids), str)


@pytest.mark.parametrize("stride", [1, 7, 2**40])
def test_a_stride_that_never_moves_on_is_refused(stride: int) -> None:
    tokenizer = _core.Tokenizer.from_json(bpe())
    with pytest.raises((LitzError, OverflowError)):
        tokenizer.encode_full("abcdefgh" * 10, max_length=1, stride=stride)


# Other sources


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def piece(text: str, score: float = 0.0, kind: int = 1) -> bytes:
    return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind))


MODEL = piece("<unk>", kind=2) + piece("▁") + piece("a", -1.0) + piece("▁a", -2.0) + field(2, b"\x18\x02")
BAD_MODELS = {
    "empty": b"",
    "text": b"not a protobuf at all",
    "cut off": MODEL[:-3],
    "a field of all the memory": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "a number without end": b"\x08" + b"\xff" * 20,
    "groups": b"\x0b" * 1000,
    "no pieces": field(2, b"\x18\x01"),
    "a piece that is no text": field(1, field(1, b"\xff\xfe")),
    "an unknown algorithm": piece("a") + field(2, b"\x18\x63"),
    "a type that is none": piece("a", kind=77),
    "a charsmap that is none": MODEL + field(3, field(2, b"\x01\x02\x03")),
    "a trie that points outside": MODEL + field(3, field(2, struct.pack("<I", 16) + b"\xff" * 16 + b"x\0")),
    "scores that are none": piece("<unk>", kind=2) + piece("a", float("nan")) + field(2, b"\x18\x01"),
}


def opened(tmp_path: Path, kind: str, content: bytes, options: str = "{}") -> _core.Tokenizer:
    path = tmp_path / "file"
    path.write_bytes(content)
    return _core.open_tokenizer(kind, [path, path], options)


def test_the_plain_model_of_these_tests_is_right(tmp_path):
    assert opened(tmp_path, "sentencepiece", MODEL).encode("a") == [3]


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_broken_sentencepiece_model_is_refused_or_harmless(tmp_path, name):
    if name == "a trie that points outside":
        assert opened(tmp_path, "sentencepiece", BAD_MODELS[name]).encode(TEXT)
        return
    with pytest.raises(LitzError) as caught:
        opened(tmp_path, "sentencepiece", BAD_MODELS[name])
    assert len(str(caught.value)) < 2000


BAD_FILES = [
    ("tiktoken", b"\xff\xfe 0"), ("tiktoken", b"YQ== x"), ("tiktoken", b"YQ=="), ("tiktoken", b"YQ== 0\nYQ== 1\n"),
    ("tiktoken", b"YQ== 4294967295\n"), ("tiktoken", base64.b64encode(b"a" * 100_000) + b" 0\n"),
    ("tekken", b"{}"), ("tekken", b"[]"), ("tekken", b"{" * 10_000),
    ("tekken", json.dumps({"config": {"pattern": "(", "default_vocab_size": 300, "default_num_special_tokens": 1},
                           "vocab": []}).encode()),
    ("tekken", json.dumps({"config": {"pattern": "a", "default_vocab_size": 2**32 - 1,
                                      "default_num_special_tokens": 2**32 - 1}, "vocab": []}).encode()),
    ("vocab.txt", b""), ("vocab.txt", b"\xff\xff"), ("vocab.txt", b"[CLS]\n[UNK]\n"),
    ("vocab.json", b"{}"), ("vocab.json", b"[]"), ("vocab.json", b"{\"a\": 99999999999}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content"), BAD_FILES)
def test_a_broken_vocabulary_is_refused(tmp_path, kind, content):
    with pytest.raises(LitzError) as caught:
        opened(tmp_path, kind, content, json.dumps({"pat_str": "a"}) if len(content) < 100 else '{"pat_str": "a"}')
    assert len(str(caught.value)) < 2000


@given(st.data())
def test_a_file_that_was_changed_anywhere_ends_in_an_error_or_a_tokenizer(tmp_path_factory, data):
    whole = data.draw(st.sampled_from([*SURVIVED.values(), MODEL]).filter(lambda content: len(content) < 5000))
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        if whole is MODEL:
            tokenizer = opened(tmp_path_factory.mktemp("spm"), "sentencepiece", bytes(content))
        else:
            tokenizer = _core.Tokenizer.from_json(bytes(content))
        ids = tokenizer.encode(TEXT)
    except LitzError:
        return
    assert all(tokenizer.id_to_token(id) is not None for id in ids)
