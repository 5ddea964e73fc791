"""Whether two tokenizers do the same: on texts that find the differences, on their added tokens, in their settings."""

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
    "word" * 20, "MixedCaseWORDSAndLower_snake_case kebab-case", "[INST] not a token [/INST] <s> </s> <|x|>", "▁▁a▁b",
    "\u0001\u001f\u007f", "Ünïcödé ŝŧřįñğ ÀÉÎÕÜ", "1st 2nd 3rd 4th a1b2c3", "“quoted” ‘single’ — dash … «guillemets»",
)  # fmt: skip
_MOST_TOKENS = 400  # of the added ones, spread over all of them
_NAMES = ("bos", "eos", "pad", "unk")


def compare(one: Tokenizer, two: Tokenizer, *, where: str) -> None:
    """UnsupportedError names the first text whose ids or setting whose value differ."""
    for text in (*_TEXTS, *_with_added(one)):
        first, second = one.encode(text), two.encode(text)
        if first != second:
            raise UnsupportedError(
                f"{where}: in GGUF, its tokenizer would read {text[:60]!r} otherwise: {_around(first, second)}"
            )
        if one.decode(first) != two.decode(second):
            raise UnsupportedError(f"{where}: in GGUF, its tokenizer would write the tokens of {text[:60]!r} otherwise")
    for name, first, second in _settings(one, two):
        if first != second:
            raise UnsupportedError(f"{where}: in GGUF, its {name} would be {second!r:.60}, which is {first!r:.60}")


def _with_added(tokenizer: Tokenizer) -> Iterator[str]:
    tokens = [content for _, content, *_ in tokenizer._core.added_tokens()]
    for token in tokens[:: -(-len(tokens) // _MOST_TOKENS) or 1]:
        yield f"a {token} b{token}\n{token}"


def _settings(one: Tokenizer, two: Tokenizer) -> Iterator[tuple[str, Any, Any]]:
    for name in _NAMES:
        own = getattr(one, f"{name}_token")
        if own is not None:
            yield f"{name} token", own, getattr(two, f"{name}_token")
    yield "chat template", one.chat_template, two.chat_template


def _around(one: list[int], two: list[int]) -> str:
    """Both lists from the first id that differs."""
    at = next((i for i, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), min(len(one), len(two)))
    return f"{one[at : at + 4]} would be {two[at : at + 4]}"
