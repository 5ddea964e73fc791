"""Characters through every component that looks at characters, against the `tokenizers` library."""

from collections.abc import Iterator
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from litz._core import Tokenizer as Ours

# The characters before and after a code point: digits, marks, signs, blanks, ideographs.
NEIGHBOURS = ["1{} ", "{}\u0301", "-{}。", "一{}e\u0323"]
SPLITS = [
    r"\p{L}", r"\p{N}", r"\p{M}", r"\p{P}", r"\p{S}", r"\p{Lu}", r"\p{Lm}", r"\p{Han}", r"\s", r"\d", r"\w", r"\W",
    r"[\w-]", r"[^\w]", r"\b", r"\h", r".", r"[[:alpha:]]", r"[[:punct:]]", r"[^[:space:]]", r"(?i)[ks]",
    r"\R", r"(?i)\p{Lu}",
]  # fmt: skip
PRE_TOKENIZERS: dict[str, Any] = {
    "byte-level": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "whitespace": pre_tokenizers.Whitespace(),
    "whitespace-split": pre_tokenizers.WhitespaceSplit(),
    "bert": pre_tokenizers.BertPreTokenizer(),
    "punctuation": pre_tokenizers.Punctuation(),
    "digits": pre_tokenizers.Digits(),
    "scripts": pre_tokenizers.UnicodeScripts(),
    **{pattern: pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in SPLITS},
}
NORMALIZERS: dict[str, Any] = {
    "nfc": normalizers.NFC(),
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "lowercase": normalizers.Lowercase(),
    "strip": normalizers.Strip(),
    "strip-accents": normalizers.StripAccents(),
    "nmt": normalizers.Nmt(),
    "bert": normalizers.BertNormalizer(),
    "bert-cased": normalizers.BertNormalizer(lowercase=False),
}


def texts(step: int) -> Iterator[str]:
    """Code points between two letters, some hundreds in a text; every `step`th text, and few in other company.

    All of the planes that have characters; of those that have none, or private ones only, every 50th text.
    """
    codes = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for i in range(0, len(codes), 400 * step):
        if ord(codes[i]) < 0x34000 or 0xE0000 <= ord(codes[i]) < 0xE1000 or i // 400 % 50 == 0:
            yield "".join(map("a{}a".format, codes[i : i + 400]))
    for around in NEIGHBOURS:
        for i in range(0, len(codes), 400 * step * 20):
            yield "".join(map(around.format, codes[i : i + 400]))


def assert_alike(reference: Tokenizer, step: int) -> None:
    ours = Ours.from_json(reference.to_str().encode())
    for text in texts(step):
        encoding = reference.encode(text)
        mine = ours.encode_full(text)
        assert (mine.ids, mine.offsets, mine.word_ids) == (encoding.ids, encoding.offsets, encoding.word_ids), text


def cut_by(pre_tokenizer: Any) -> Tokenizer:
    """Each character is a token, and words tell the pieces."""
    tokenizer = Tokenizer(models.BPE({"?": 0}, [], unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def written_by(normalizer: Any) -> Tokenizer:
    """Ids are the bytes of the normalized text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return tokenizer


@pytest.mark.slow
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_every_character_is_of_the_class_that_the_reference_gives_it(name: str) -> None:
    assert_alike(cut_by(PRE_TOKENIZERS[name]), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_character_is_normalized_as_the_reference_does(name: str) -> None:
    assert_alike(written_by(NORMALIZERS[name]), 1)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_some_characters_are_of_the_class_that_the_reference_gives_them(name: str) -> None:
    assert_alike(cut_by(PRE_TOKENIZERS[name]), 100)


@pytest.mark.parametrize("name", NORMALIZERS)
def test_some_characters_are_normalized_as_the_reference_does(name: str) -> None:
    assert_alike(written_by(NORMALIZERS[name]), 40)
