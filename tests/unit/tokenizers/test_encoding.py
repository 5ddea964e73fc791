"""A call's result has the places of its tokens and can be pickled; every argument of a call acts or raises."""

import copy
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litz import BatchEncoding
from litz.errors import ArgumentError, UnsupportedError
from litz.tokenizers import AddedToken, PreTrainedTokenizerFast, Tokenizer, from_pretrained
from tests.unit import tiny

A, B, C = b"abc"


def load(path: Path, **config: Any) -> Tokenizer:
    settings = {"pad_token": "<pad>", "eos_token": "<eos>", "model_max_length": 12, **config}
    (path / "tokenizer.json").write_bytes(tiny.tokenizer_json())
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return from_pretrained(path)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    return load(tmp_path)


def test_rows_know_where_their_tokens_came_from(tokenizer):
    encoded = tokenizer(["ab c", "d"], padding=True)
    assert encoded.tokens() == ["a", "b", "Ġ", "c"]
    assert encoded.tokens(1) == ["d", "<pad>", "<pad>", "<pad>"]
    assert tokenizer("ab", "c").sequence_ids() == [0, 0, 1]
    assert encoded.char_to_token(3) == 3
    assert encoded.char_to_token(1, 0) == 0
    assert encoded.char_to_token(9) is None
    assert encoded.token_to_chars(-1) == (3, 4)
    assert encoded.word_to_tokens(0).start == 0
    assert encoded.word_to_chars(99) is None
    assert encoded.n_sequences == 1
    assert [encoding.ids for encoding in encoded[:2]] == encoded.input_ids
    assert encoded[1].attention_mask == [1, 0, 0, 0]
    with pytest.raises(ArgumentError, match="counted from the beginning"):
        encoded.char_to_token(0, -1)
    with pytest.raises(IndexError):
        encoded.tokens(2)


def test_an_encoding_that_no_tokenizer_made_knows_its_entries_only():
    encoded = BatchEncoding({"input_ids": [[1, 2], [3, 4]], "labels": [0, 1]})
    assert encoded[:1] == {"input_ids": [[1, 2]], "labels": [0]}
    assert (encoded.is_fast, encoded.encodings, encoded.n_sequences) == (False, None, None)
    assert encoded.data == dict(encoded)
    with pytest.raises(KeyError, match="no tokenizer made this encoding"):
        encoded[0]
    with pytest.raises(UnsupportedError, match="nothing is known"):
        encoded.tokens()
    assert BatchEncoding({"x": [1]}, tensor_type="np", prepend_batch_axis=True).x.tolist() == [[1]]


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)), BatchEncoding.copy]
)
def test_an_encoding_can_be_copied_and_pickled(tokenizer, again):
    for encoded in (tokenizer("ab"), tokenizer(["ab", "c"], "de fg".split(), padding=True)):
        other = again(encoded)
        assert isinstance(other, BatchEncoding)
        assert other == encoded
        assert other is not encoded
        assert other.tokens() == encoded.tokens()
        assert other.char_to_token(0) == encoded.char_to_token(0)
        assert repr(other) == repr(encoded) == f"BatchEncoding({dict(encoded)!r})"


def test_a_tokenizer_can_be_copied_and_pickled(tokenizer):
    tokenizer.add_tokens(["<more>"])
    for again in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert again("a<more>") == tokenizer("a<more>")
        again.add_tokens("<still more>")
        again.pad_token = "<eos>"
        assert (len(again), tokenizer.pad_token) == (len(tokenizer) + 1, "<pad>")


def test_added_tokens_are_saved(tokenizer, tmp_path):
    tokenizer.add_tokens([AddedToken("<more>", lstrip=True), "word"])
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    tokenizer.save_pretrained(tmp_path / "out")
    again = from_pretrained(tmp_path / "out")
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.added_tokens_decoder == tokenizer.added_tokens_decoder
    assert again.mask_token == "<mask>"
    assert again("a <more>word<mask>") == tokenizer("a <more>word<mask>")


def test_names_of_added_tokens(tokenizer):
    assert AddedToken("x") == AddedToken("x", normalized=True)
    assert AddedToken("x", special=True).normalized is False
    assert str(AddedToken("x")) == "x"
    tokenizer.pad_token = AddedToken("<eos>", special=True)
    assert tokenizer.pad_token_id == tiny.EOS
    assert tokenizer.add_tokens([]) == 0
    for wrong in ("", 3, [3]):
        with pytest.raises(ArgumentError, match="a token is"):
            tokenizer.add_tokens(wrong)


def test_overflow_comes_as_rows_of_its_own(tokenizer):
    encoded = tokenizer(["abcde", "ab"], truncation=True, max_length=3, stride=1, return_overflowing_tokens=True)
    assert encoded.input_ids == [[A, B, C], [C, 100, 101], [A, B]]
    assert encoded.overflow_to_sample_mapping == [0, 0, 1]
    assert encoded.tokens(1) == ["c", "d", "e"]
    single = tokenizer("abcd", max_length=3, return_overflowing_tokens=True)
    assert single.input_ids == [[A, B, C], [100]]


def test_ids_are_made_ready_for_a_model(tokenizer):
    prepared = tokenizer.prepare_for_model([A, B, C], [A], max_length=3, truncation="only_first", stride=1,
                                           return_overflowing_tokens=True, return_length=True)  # fmt: skip
    assert prepared == {
        "input_ids": [A, B, A], "attention_mask": [1, 1, 1], "overflowing_tokens": [B, C], "num_truncated_tokens": 1,
        "length": 3,
    }  # fmt: skip
    padded = tokenizer.prepare_for_model([A], padding="max_length", max_length=2, return_tensors="np")
    assert padded.input_ids.tolist() == [A, tiny.PAD]
    assert tokenizer.truncate_sequences([A, B, C], [A], 2, "longest_first") == ([A], [A], [])
    assert tokenizer.truncate_sequences([A], [A, B, C], 1, "only_second", 1) == ([A], [A, B], [B, C])
    tokenizer.truncation_side = "left"
    assert tokenizer.truncate_sequences([A, B, C], None, 1) == ([B, C], None, [A])
    assert tokenizer.build_inputs_with_special_tokens([A], [B]) == [A, B]
    assert tokenizer.create_token_type_ids_from_sequences([A], [B]) == [0, 1]
    assert tokenizer.get_special_tokens_mask([A], [B]) == [0, 0]


def test_a_text_longer_than_the_model_is_told_once(tokenizer, caplog):
    with caplog.at_level(logging.WARNING, "litz.tokenizers"):
        tokenizer("a" * 12)
        tokenizer("a" * 13, verbose=False)
        tokenizer("a" * 13, truncation=True)
        assert not caplog.records
        tokenizer("a" * 13)
        tokenizer(["a" * 14])
    assert [record.getMessage() for record in caplog.records] == [
        "a text of 13 tokens is longer than the model's 12; pass truncation=True"
    ]


def test_what_a_call_returns_is_up_to_the_input_names(tokenizer):
    tokenizer.model_input_names = ["input_ids"]
    assert list(tokenizer("a")) == ["input_ids"]
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    assert list(tokenizer("a")) == ["input_ids", "token_type_ids", "attention_mask"]
    assert tokenizer(["a"], ["b"]).token_type_ids == [[0, 1]]


def test_a_subclass_of_str_is_text(tokenizer):
    class Text(str):
        __slots__ = ()

    assert tokenizer(Text("ab")) == tokenizer("ab")
    assert tokenizer([Text("ab")], padding=True, return_tensors="np").input_ids.tolist() == [[A, B]]
    assert np.array_equal(tokenizer(np.array(["ab"]).tolist(), return_tensors="np").input_ids, [[A, B]])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "nothing to encode"),
        ((3,), {}, "expected text, or a list of texts; found 3"),
        ((["a", 3],), {}, "expected text, or a list of texts; found 3"),
        ((["a", ["b"]],), {}, "is_split_into_words=True for lists of words"),
        (("a b",), {"is_split_into_words": True}, "takes a list of words"),
        (([["a"], "b"],), {"is_split_into_words": True}, "takes lists of words"),
        ((["a", "b"], "c"), {}, "text_pair must be a list"),
        ((["a", "b"], ["c"]), {}, "text has 2 items and text_pair 1"),
        (("a",), {"padding": "left"}, "padding is 'left'"),
        (("a",), {"padding_side": "left"}, "padding_side acts with padding"),
        (("a",), {"padding": True, "padding_side": "up"}, "padding_side is 'up'"),
        (("a",), {"pad_to_multiple_of": 4}, "pad_to_multiple_of acts with padding"),
        (("a",), {"padding": True, "pad_to_multiple_of": 0}, "pad_to_multiple_of must be an integer from 1"),
        (("a",), {"padding": True, "truncation": True, "max_length": 6, "pad_to_multiple_of": 4}, "no multiple"),
        (("a",), {"truncation": "first"}, "truncation is 'first'"),
        (("a",), {"truncation": True, "max_length": 0}, "max_length must be an integer from 1"),
        (("a",), {"max_length": 3, "truncation": False}, "max_length acts with"),
        (("a",), {"stride": 2}, "stride acts with truncation"),
        (("a",), {"truncation": True, "stride": -1}, "stride must be an integer from 0"),
        (("abcdef",), {"truncation": True, "max_length": 3, "stride": 4}, "stride is 4"),
        (("abcdef",), {"truncation": "only_second", "max_length": 3}, "no second text"),
        (("abcdef", "a"), {"truncation": "only_second", "max_length": 3}, "4 must go"),
        (("a",), {"return_tensors": "tf"}, "return_tensors is 'tf'"),
        (("a",), {"text_pair_target": "b"}, "act with text_target only"),
    ],
)
def test_arguments_that_cannot_act_are_named(tokenizer, arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        tokenizer(*arguments, **options)


def test_other_calls_name_what_they_cannot_take(tokenizer):
    for call, message in (
        (lambda: tokenizer.encode(["a", "b"]), "encode takes one text, found list"),
        (lambda: tokenizer.tokenize(["a"]), "tokenize takes one text"),
        (lambda: tokenizer.encode_batch_flat("a"), "takes a list of texts"),
        (lambda: tokenizer.pad([{"ids": [1]}]), "pad needs 'input_ids'"),
        (lambda: tokenizer.pad("a"), "pad takes an encoding"),
        (lambda: tokenizer.pad({"input_ids": [[1]], "labels": [1, 2]}), "labels has 2 rows"),
        (lambda: tokenizer.get_special_tokens_mask([1], [2], True), "takes one list of ids"),
        (lambda: tokenizer.prepare_for_model([1], prepend_batch_axis=True), "prepend_batch_axis acts with"),
    ):
        with pytest.raises(ArgumentError, match=message):
            call()
    with pytest.raises(TypeError, match="paddingg"):
        tokenizer("a", paddingg=True)


def test_the_names_that_programs_know(tokenizer):
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    assert (tokenizer.is_fast, bool(tokenizer), tokenizer.pad_token_type_id) == (True, True, 0)
    assert (tokenizer.max_len_single_sentence, tokenizer.max_len_sentences_pair) == (12, 12)
    assert tokenizer.vocab == tokenizer.get_vocab()
    assert tokenizer.get_added_vocab()["<eos>"] == tiny.EOS
    assert tokenizer.encode_plus("ab", "c") == tokenizer("ab", "c")
