"""Offsets, words and names equal to those of the `tokenizers` library, for every component alone and combined."""

from collections.abc import Iterable
from typing import Any

import pytest
from tokenizers import Encoding
from tokenizers import Tokenizer as Reference

from litz._core import Tokenizer
from tests.parity import tiny_tokenizers as tiny
from tests.parity.fuzz_texts import texts

BYTE_LEVEL = [name for name in tiny.BYTE_LEVEL]


def both(reference: Reference) -> tuple[Reference, Tokenizer]:
    return reference, Tokenizer.from_json(reference.to_str().encode())


def expected(ours: Tokenizer, encoding: Encoding) -> tuple[Any, ...]:
    named = [
        (i, token)
        for i, (id, token) in enumerate(zip(encoding.ids, encoding.tokens, strict=True))
        if token != ours.id_to_token(id)
    ]
    return encoding.ids, encoding.offsets, encoding.word_ids, named


def assert_aligned(reference: Reference, ours: Tokenizer, inputs: Iterable[str]) -> None:
    """Texts, and their words given one by one."""
    for text in inputs:
        encoding = reference.encode(text, add_special_tokens=False)
        assert ours.encode_aligned(text) == expected(ours, encoding), text
        assert ours.encode(text, False) == encoding.ids, text
        words = text.split(" ")
        encoding = reference.encode(words, is_pretokenized=True, add_special_tokens=False)
        assert ours.encode_aligned(words) == expected(ours, encoding), words


@pytest.mark.parametrize("name", tiny.BYTE_LEVEL)
def test_a_byte_level_tokenizer_knows_where_its_tokens_lie(name: str) -> None:
    assert_aligned(*both(tiny.BYTE_LEVEL[name]()), texts(300, 31))


@pytest.mark.parametrize("name", tiny.SENTENCE_PIECE)
def test_a_sentence_piece_tokenizer_knows_where_its_tokens_lie(name: str) -> None:
    assert_aligned(*both(tiny.SENTENCE_PIECE[name]()), texts(300, 32))


@pytest.mark.parametrize("base", ["BYTE_LEVEL/gpt2", "BYTE_LEVEL/qwen2", "SENTENCE_PIECE/legacy"])
def test_added_tokens_know_where_they_lie_and_what_they_took(base: str) -> None:
    family, name = base.split("/")
    reference = tiny.with_added(getattr(tiny, family)[name]())
    assert_aligned(*both(reference), texts(700, 33, tiny.ADDED_TEXTS))


@pytest.mark.parametrize("name", tiny.PRE_TOKENIZERS)
def test_pieces_of_a_pre_tokenizer_are_words(name: str) -> None:
    reference = tiny.trained(None, tiny.PRE_TOKENIZERS[name], None, size=300, **tiny.UNKNOWN)
    assert_aligned(*both(reference), texts(300, 34))


@pytest.mark.parametrize("name", tiny.NORMALIZERS)
def test_a_normalizer_remembers_what_it_replaced(name: str) -> None:
    reference = tiny.trained(tiny.NORMALIZERS[name], tiny.pre_tokenizers.Whitespace(), None, size=300, **tiny.UNKNOWN)
    assert_aligned(*both(tiny.with_added(reference)), texts(300, 35, tiny.ADDED_TEXTS))
