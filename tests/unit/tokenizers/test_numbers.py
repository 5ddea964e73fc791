"""Numbers that a caller passes to a tokenizer: used, or an error of litz that says which is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litz import AutoTokenizer
from litz.errors import ArgumentError
from tests.parity.harness.side_files import NAMES, byte_level, folder

WRONG: list[Any] = [2**64, -(2**64), 2**32, -(2**31), 1.5, "x", float("nan"), [1], True]
Call = Callable[[Any, Any], Any]  # of a tokenizer and a number

LENGTHS: dict[str, Call] = {
    "max_length": lambda t, n: t("ab", truncation=True, max_length=n),
    "stride": lambda t, n: t("ab", truncation=True, max_length=1, stride=n),
    "pad_to_multiple_of": lambda t, n: t(["a", "ab"], padding=True, pad_to_multiple_of=n),
    "max_length of pad": lambda t, n: t.pad({"input_ids": [[1], [1, 2]]}, padding="max_length", max_length=n),
    "multiple of pad": lambda t, n: t.pad({"input_ids": [[1], [1, 2]]}, pad_to_multiple_of=n),
    "prepare_for_model": lambda t, n: t.prepare_for_model([3, 4], truncation=True, max_length=n),
    "pad_token_type_id": lambda t, n: setattr(t, "pad_token_type_id", n),
}
PLACES: dict[str, Call] = {
    "char_to_token": lambda t, n: t("ab").char_to_token(n),
    "char_to_word": lambda t, n: t("ab").char_to_word(n),
    "token_to_word": lambda t, n: t("ab").token_to_word(n),
    "token_to_chars": lambda t, n: t("ab").token_to_chars(n),
    "token_to_sequence": lambda t, n: t("ab").token_to_sequence(n),
    "word_to_tokens": lambda t, n: t("ab").word_to_tokens(n),
    "word_to_chars": lambda t, n: t("ab").word_to_chars(n),
    "the second of two": lambda t, n: t(["ab"]).char_to_token(0, n),
    "a sequence": lambda t, n: t(["ab"]).char_to_token(0, 0, n),
}
IDS: dict[str, Call] = {
    "decode": lambda t, n: t.decode([1, n]),
    "batch_decode": lambda t, n: t.batch_decode([[1, n]]),
    "convert_ids_to_tokens": lambda t, n: t.convert_ids_to_tokens([1, n]),
    "an id alone": lambda t, n: t.convert_ids_to_tokens(n if not isinstance(n, list) else [n]),
    "pad_token_id": lambda t, n: setattr(t, "pad_token_id", n),
}


@pytest.fixture(scope="module", params=[True, False], ids=["fast", "slow"])
def tokenizer(request: Any, tmp_path_factory: Any) -> Any:
    root: Path = tmp_path_factory.mktemp("numbers")
    folder(root, tokenizer__json=byte_level(), tokenizer_config__json={**NAMES, "pad_token": "</s>"})
    return AutoTokenizer.from_pretrained(root, use_fast=request.param)


@pytest.mark.parametrize("name", [*LENGTHS, *PLACES, *IDS])
def test_a_number_that_cannot_be_meant_is_an_error_that_says_so(tokenizer, name):
    call = {**LENGTHS, **PLACES, **IDS}[name]
    for value in WRONG:
        if name not in IDS or value is not True:
            with pytest.raises(ArgumentError, match=r"integer|token id|no token has|must be a list"):
                call(tokenizer, value)


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(1)])
def test_whole_numbers_of_any_library_are_used(tokenizer, value):
    assert tokenizer("ab", truncation=True, max_length=value)["input_ids"] == [67]
    assert tokenizer("ab").char_to_token(value) == 1
    assert tokenizer("ab").token_to_chars(value) == (1, 2)
    assert tokenizer.convert_ids_to_tokens([value]) == ["</s>"]
    assert tokenizer.decode([value]) == "</s>"
    assert tokenizer(["a", "abc"], padding=True, pad_to_multiple_of=value)["input_ids"][0] == [67, 1, 1]


def test_ids_of_labels_and_of_sequences_are_whole_numbers(tokenizer):
    assert tokenizer.build_inputs_with_special_tokens(np.array([67, 68])) == [67, 68]
    assert tokenizer.get_special_tokens_mask([-100, 1], already_has_special_tokens=True) == [0, 1]
    for ids in (5, None, 1.5, ["x"], [None]):
        with pytest.raises(ArgumentError):
            tokenizer.build_inputs_with_special_tokens(ids)
        with pytest.raises(ArgumentError):
            tokenizer.prepare_for_model(ids)
    with pytest.raises(ArgumentError, match="input_ids"):
        tokenizer.decode({"labels": [1]})


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_character_is_no_text_and_no_token(tokenizer, text):
    for call in (tokenizer, tokenizer.encode, tokenizer.tokenize, lambda each: tokenizer(["a", each])):
        with pytest.raises(ArgumentError, match="lone surrogate"):
            call(text)
    assert tokenizer.convert_tokens_to_ids(text) == 2
    with pytest.raises(ArgumentError):
        tokenizer.add_tokens([text])
    with pytest.raises(ArgumentError, match="not in the vocabulary"):
        tokenizer.pad_token = text
