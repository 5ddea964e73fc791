"""Seeded strings that tokenizers find hard: scripts, marks, emoji, blanks, contractions, special tokens glued on."""

import random
from collections.abc import Iterator
from unicodedata import ucd_3_2_0

WORDS = ["hello", "Hello", "WORLD", " world", "the ", "Countdown", "foo_bar", "camelCase", "x", "I", "a", "b", "monday"]
CONTRACTIONS = ["it's", "IT'S", "'ll", "'Re", "'ſ", "don’t", "'", "''", '"', "’"]
SCRIPTS = [
    "αβγ",
    "русский",
    " ёлка",
    "你好",
    "世界",
    "日本語",
    "カタカナ",
    "한국어",
    "สวัสดี",
    "مرحبا",
    "שלום",
    "हिन्दी",
    "ß",
    "İ",
    "ı",
]
MARKS = ["é", "e\u0301", "a\u0308\u0301", "\u0301", "ﬁ", "Å", "ς", "Σ", "ΑΣ", "\u200d", "\u200b", "\ufeff", "\ufffd"]
DIGITS = ["0", "1", "12", "123", "1234", "12345678", " 7", "3.14", "1,000", "Ⅷ", "½", "²", "٣٤", "１２"]
EMOJI = ["😀", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "🚀", "𝒳", "𠀀", "\U0010fffd"]
BLANKS = [
    " ",
    "  ",
    "   ",
    "     ",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    "\t\t",
    " \n",
    " \n ",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u0085",
]
CONTROLS = ["\x00", "\x01", "\x7f", "\x1b[0m"]
SIGNS = [*"!()[]{}<>#$€£%^&*+=~`|\\/-_.,。，", "!!!", "?!", "...", "--", "http://a.b/c?d=e", "def f(x):\n    return x"]
TOKENS = ["</s>", "<s>", "<unk>", "<pad>", "<mask>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<start_of_turn>"]
NEAR = ["▁", "▁▁", "Ġ", "Ċ", "<0x0A>", "<0xE4>", "<0x", "<|", "[INST]", "<tool_call>", "</think>"]
PARTS = [*WORDS, *CONTRACTIONS, *SCRIPTS, *MARKS, *DIGITS, *EMOJI, *BLANKS, *CONTROLS, *SIGNS, *TOKENS, *NEAR]
FIRST = ["", " ", "  ", "\n", "a", " a", "a ", "▁", " ▁", "\u0301"]
# Characters that every Unicode version of the last twenty years knows alike.
LETTERS = [c for c in map(chr, range(0xA0, 0x9FA6)) if ucd_3_2_0.category(c) != "Cn"]

CORPUS = [
    "The quick brown fox jumps over the lazy dog; it's 12345 o'clock, and they'll say: «hello, world»!\n\n",
    "Hello world, hello wonderful World. We're here   to count: 1, 22, 333.\r\n\tdef f(x):\n        return x + 1\n",
    "你好，世界。 日本語のテキスト。 Привет, мир! Ελληνικά, русский, हिन्दी, 한국어 و العربية. 😀🚀 don’t\n",
] * 4


def texts(count: int, seed: int, extra: tuple[str, ...] = ()) -> Iterator[str]:
    """The same strings for the same seed; `extra` parts come often."""
    rng = random.Random(seed)
    parts = PARTS + list(extra) * 8
    yield from FIRST
    for _ in range(count):
        text = "".join(rng.choice(parts) for _ in range(rng.choice([1, 2, 3, 4, 6, 10, 20])))
        yield text + "".join(rng.choice(LETTERS) for _ in range(5)) if rng.random() < 0.2 else text


def id_lists(vocab: dict[str, int], count: int, seed: int) -> Iterator[list[int]]:
    """Ids in an order that no text has; pieces of characters and byte tokens come often."""
    rng = random.Random(seed)
    every = sorted(vocab.values())
    pieces = sorted(id for token, id in vocab.items() if len(token) == 1 or token.startswith("<0x")) or every
    for _ in range(count):
        yield [rng.choice(rng.choice([every, pieces, pieces])) for _ in range(rng.choice([0, 1, 2, 3, 5, 12]))]
