"""Compares two tokenizers: on texts chosen to show differences, on their added tokens, and in their settings."""

import re
from collections.abc import Iterator
from typing import Any

from litz.errors import UnsupportedError
from litz.tokenizers.tokenizer import Tokenizer

_TEXTS = (
    "", " ", "  ", "a", " a", "a ", "  a  b  ", "\n", "\n\n\n", " \n ", "\t", "\t\tx\t", "\r\n", "a\u00a0b", "\u3000",
    "Hello, world!", "hello WORLD it's IT'S we'LL they'Ve 'tis 'S 'd", "don't can't I'm you're",
    "0 1 12 123 1234 12345 1,234,567.89 0x1F 3.14e-10 ½ ²³ ٣٤ 一二三",
    "def f(x):\n    return x ** 2  # comment\n\n\tif x != y and z[0] >= 1:\n\t\tpass\n",
    "<html><body class=\"a\">&amp;</body></html>", "https://example.org/a_b-c?d=e&f=%20#g", "a/b\\c|d~e`f^g",
    "The capital of France is Paris. Die Hauptstadt ist Köln. L'été, c'était déjà là. ¿Qué? ¡Sí!",
    "Привет, мир! Ελληνικά. שלום עולם. مرحبا بالعالم. नमस्ते दुनिया. สวัสดีชาวโลก. 안녕하세요 세계.",
    "你好，世界！今天天气很好。日本語のテキスト、カタカナ。",
    "e\u0301 é ﬁ Å Å", "👩‍👩‍👧 🇫🇷 👍🏽 🙂🙂", "ﷺ\u200b\u200d\ufeff",
    "............ !!!! ---- ==== **** ____ ((((((",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "       indented        far",
    "word" * 20, "MixedCaseWORDSAndLower_snake_case kebab-case", "[INST] not a token [/INST] <s> </s> <|x|>",
    "\u0001\u001f\u007f", "Ünïcödé ŝŧřįñğ ÀÉÎÕÜ", "1st 2nd 3rd 4th a1b2c3", "“quoted” ‘single’ — dash … «guillemets»",
)  # fmt: skip
# No text holds U+2581: SentencePiece does not tell it from a space, and tokenizer.json does.
_MOST_TOKENS = 400  # of the added ones, spread over all of them
_NAMES = ("bos", "eos", "pad", "unk")


def compare(one: Tokenizer, two: Tokenizer, *, prefix: bool, where: str) -> Iterator[str]:
    """Notes on what the format loses; UnsupportedError names the first other text or setting that differs.

    `prefix`: readers of the format put a space before each piece of text between special tokens, whether it begins
    with one or not.
    """
    spaced = _after_token(one) if prefix else None
    noted = False
    for text in (*_TEXTS, *_with_added(one, two)):
        first, second = one.encode(text), two.encode(text)
        if spaced is not None and first != second and spaced.search(text):
            noted = True
        elif first != second:
            raise _other(where, f"read {text[:60]!r} as {_around(first, second)}")
        elif (own := one.decode(first)) != (other := two.decode(second)):
            raise _other(where, f"write {other!r:.60} for {own!r:.60}")
    for name, own, read in _settings(one, two):
        if own != read:
            raise UnsupportedError(f"{where}: in GGUF, its {name} would be {read!r:.60}, and it is {own!r:.60}")
    if noted:
        yield "text that begins with a space gets one more before it, as in every GGUF file of such a tokenizer"


def _other(where: str, does: str) -> UnsupportedError:
    return UnsupportedError(f"{where}: in GGUF, its tokenizer would {does}")


def _after_token(tokenizer: Tokenizer) -> re.Pattern[str]:
    """Where a piece of text begins with a space."""
    tokens = (re.escape(content) for _, content, *_ in tokenizer._core.added_tokens())
    return re.compile(rf"(?:^|{'|'.join(tokens)})[ \u2581]")


def _with_added(one: Tokenizer, two: Tokenizer) -> Iterator[str]:
    """Added tokens among text, those that both have."""
    rows = len(two)
    tokens = [content.replace("▁", " ") for id, content, *_ in one._core.added_tokens() if id < rows]
    for token in tokens[:: -(-len(tokens) // _MOST_TOKENS) or 1]:
        yield f"a {token} b{token}\n{token}"


def _settings(one: Tokenizer, two: Tokenizer) -> Iterator[tuple[str, Any, Any]]:
    for name in _NAMES:
        own = getattr(one, f"{name}_token")
        if own is not None:
            yield f"{name} token", own, getattr(two, f"{name}_token")
    yield "chat template", one.chat_template, two.chat_template


def _around(one: list[int], two: list[int]) -> str:
    """The ids and the expected ones, from the first that differs."""
    at = next((i for i, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), min(len(one), len(two)))
    return f"the ids {two[at : at + 4]} where they are {one[at : at + 4]}"
