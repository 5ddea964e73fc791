"""Regexes of Split that mean what they mean to Oniguruma."""

import json

import pytest
from tokenizers import Regex, models, pre_tokenizers
from tokenizers import Tokenizer as Reference

from litz._core import Tokenizer
from litz.errors import LitzError
from tests.parity.harness.fuzz_texts import texts
from tests.parity.test_alignment import assert_aligned, both

SIGNS = (
    "a½b ²c x\u200dy A-B 12\n\r\nline two\n\n"
    " end K\u212a ſ é e\u0301 你好_1\u0085z\u2028q [ab] 'Tis DON'T\x0b\x0c😀 $^ ab~"
)
PATTERNS = [
    r"\b", r"\B", r"^", r"$", r"\A", r"\z", r"(?m).+", r".+", r"\R+", r"a\Kb", r"(?<n>a)\k<n>", r"(a)\1",
    r"[a-c&&b-d]", r"[[a-c][x-z]]", r"\p{^Alpha}+", r"a{,2}", r"a{2,}?", r"a{1}+", r"(?>a+)b", r"(?x) a b", r"[]a]",
    r"[a-]", r"\x41", r"\x{41}", r"\u0041", r"(?=a)", r"(?<=a|bc)x", r"(?<!a)b", r"x*", r"\d{1,3}(?=(?:\d{3})*\b)",
    r"(?i:'s|'t)", r"\p{latin}", r"\pL", r"\p{L}\p{M}*", r"[[:alpha:][:digit:]]+", r"[^[:alpha:]]+", r"\p{Letter}",
    r"a**", r"\h+", r"\H+", r"\N+", r"\O+", r"\w+\b", r"(?i)[^k]", r"(?i)\p{Lu}", r"(?i)[[:upper:]]", r"(?<!\w)\w",
    r"\s+$", r"^\s+", r"$\n?", r"(?m:.)", r"(?mi:a.)", r"[a~~b]", r"[\h]", r"[\p{^L}]+", r"[[:graph:]]",
    r"[[:print:]]", r"[[:cntrl:]]", r"[[:blank:]]", r"[[:word:]]", r"\p{Word}", r"\p{Punct}", r"[\p{Punct}]",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_regex_means_what_it_means_to_oniguruma(pattern: str) -> None:
    tokenizer = Reference(models.BPE({"?": 0}, [], unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    assert_aligned(*both(tokenizer), [SIGNS, *texts(20, 37)])


@pytest.mark.parametrize("pattern", ["(", "a)", "[a", "*a", "+", "a|*", r"\p{Foo}", "[z-a]"])
def test_an_invalid_regex_is_an_error(pattern: str) -> None:
    tokenizer = Reference(models.BPE({"?": 0}, [], unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("x"), "isolated")
    file = json.loads(tokenizer.to_str())
    file["pre_tokenizer"]["pattern"]["Regex"] = pattern
    with pytest.raises(LitzError, match="cannot compile the regex"):
        Tokenizer.from_json(json.dumps(file).encode())
