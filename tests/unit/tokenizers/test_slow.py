"""The Python tokenizer alone: the contract of its parts, in small examples."""

import json
from typing import Any

import pytest

from litz.errors import ArgumentError, FormatError, UnsupportedError
from litz.tokenizers.python_backend import PythonTokenizer
from litz.tokenizers.python_backend.patterns import Pattern
from litz.tokenizers.python_backend.text import Text

VOCAB = {token: id for id, token in enumerate(["<unk>", "a", "b", "c", "ab", "bc", "abc", "▁", "<s>"])}
MERGES = [["a", "b"], ["ab", "c"], ["b", "c"]]


def file(**changes: Any) -> dict[str, Any]:
    model = {"type": "BPE", "vocab": VOCAB, "merges": MERGES, "unk_token": "<unk>"}
    return {"version": "1.0", "added_tokens": [], "model": model, **changes}


def added(content: str, id: int, **flags: bool) -> dict[str, Any]:
    names = ("special", "lstrip", "rstrip", "single_word", "normalized")
    return {"id": id, "content": content, **dict.fromkeys(names, False), **flags}


def bpe(**settings: Any) -> PythonTokenizer:
    return PythonTokenizer(file(model={**file()["model"], **settings}), seed=0)


def pieces(text: str, pattern: str) -> list[str]:
    return [text[start:end] for start, end in Pattern(pattern, literal=False, path="x").matches(text)]


def test_a_character_of_a_normal_form_comes_from_all_that_it_replaces() -> None:
    tokenizer = PythonTokenizer(file(normalizer={"type": "NFC"}, model={
        "type": "WordLevel", "vocab": {"Café": 0, "<unk>": 1}, "unk_token": "<unk>"}))  # fmt: skip
    encoding = tokenizer.encode_full("Cafe\u0301")
    assert (encoding.ids, encoding.tokens) == ([0], ["Café"])


def test_changes_insert_replace_and_drop() -> None:
    text = Text.of("abcd").changed([("x", 0), ("y", 1), ("z", -1), ("d", 0)])
    assert (text.chars, text.origins) == ("xyzd", ((0, 1), (0, 1), (1, 2), (3, 4)))


def test_merges_apply_in_the_order_in_which_they_were_learnt() -> None:
    assert bpe().encode_full("abcbc").tokens == ["abc", "bc"]


def test_dropout_of_one_merges_nothing_and_of_zero_everything() -> None:
    assert bpe(dropout=1.0).encode_full("abc").tokens == ["a", "b", "c"]
    assert bpe(dropout=0.0).encode_full("abc").tokens == ["abc"]


def test_dropout_in_between_is_repeatable_and_random() -> None:
    ways = [tuple(tokenizer.encode("abcabc")) for tokenizer in [bpe(dropout=0.5)] for _ in range(40)]
    again = [tuple(tokenizer.encode("abcabc")) for tokenizer in [bpe(dropout=0.5)] for _ in range(40)]
    assert ways == again
    assert len(set(ways)) > 3


def test_unknown_characters_are_fused_when_asked() -> None:
    assert bpe().encode_full("xya").tokens == ["<unk>", "<unk>", "a"]
    assert bpe(fuse_unk=True).encode_full("xya").offsets == [(0, 2), (2, 3)]


def test_special_tokens_are_found_only_where_the_text_is_trusted() -> None:
    tokenizer = PythonTokenizer(file(added_tokens=[added("<s>", 8, special=True)]))
    assert tokenizer.encode("a<s>") == [1, 8]
    assert tokenizer.encode("<s>a<s>", trusted=[(0, 3)]) == [8, 1, 0, 0, 0]
    assert tokenizer.encode("<s>", trusted=[(0, 2)]) == [0, 0, 0]


def test_an_added_token_takes_the_white_space_it_asks_for() -> None:
    tokenizer = PythonTokenizer(file(added_tokens=[added("<s>", 8, lstrip=True, rstrip=True)]))
    encoding = tokenizer.encode_full("a \n<s> b")
    assert (encoding.tokens, encoding.offsets) == (["a", " \n<s> ", "b"], [(0, 1), (1, 7), (7, 8)])


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("normalizer", {"type": "Sparkle"}),
        ("normalizer", {"type": "NFC", "strength": 3}),
        ("pre_tokenizer", {"type": "Digits", "individual_digits": True, "base": 16}),
        ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": r"\X"}, "behavior": "Removed", "invert": False}),
        ("post_processor", {"type": "Wrapping"}),
        ("decoder", {"type": "Morse"}),
        ("model", {"type": "Oracle"}),
    ],
)
def test_what_is_not_implemented_is_named(section: str, value: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=section):
        PythonTokenizer(file(**{section: value}))


def test_malformed_files_are_refused() -> None:
    with pytest.raises(FormatError, match="not a tokenizer"):
        PythonTokenizer.from_json(b"{")
    with pytest.raises(FormatError, match="'zz', which is not in the vocabulary"):
        bpe(merges=[["a", "zz"]])
    with pytest.raises(FormatError, match="has the id 8 in model"):
        PythonTokenizer(file(added_tokens=[added("<s>", 3)]))


def test_a_cut_that_leaves_no_room_for_a_stride_is_refused() -> None:
    with pytest.raises(ArgumentError, match="stride is 2"):
        bpe().encode_full("a b c", max_length=2, stride=2)


def test_a_file_comes_back_as_it_was() -> None:
    assert json.loads(PythonTokenizer(file()).to_json()) == file()


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\p{Lu}\p{Ll}+", "HelloWorld é", ["Hello", "World"]),
        (r"[\p{L}&&[^a-m]]+", "almost", ["ost"]),
        (r"(?i:'S)", "it's it'ſ", ["'s", "'ſ"]),
        (r"a(?i)b|c", "aB aC ac", ["aB", "aC", "ac"]),
        (r"l{,2}+o", "llllo", ["llllo"]),
        (r"[[:^alpha:]]+", "a1 b", ["1 "]),
        (r"(?<!\d)\d{2}(?!\d)", "12 345 67", ["12", "67"]),
        (r"^b", "a\nb", ["b"]),
        (r"x*", "axx", ["", "xx"]),
        (r"\x{4F60}|\u597d", "你好", ["你", "好"]),
    ],
)
def test_patterns_mean_what_oniguruma_means(pattern: str, text: str, found: list[str]) -> None:
    assert pieces(text, pattern) == found
