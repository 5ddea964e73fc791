"""Seeded strings of every kind that tokenizers get wrong, for the differential tests."""

import random
from collections.abc import Callable, Iterator

from tests.parity.harness.fuzz_texts import FIRST, PARTS

EDGES = ["\x00", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff", "\U00010000"]
EDGES += [
    "\U0010ffff",
    "\u00ad",
    "\u061c",
    "\u180e",
    "\u2060",
    "\u3164",
    "\U000e0001",
    "\u1680",
    "\u205f",
    "\x1c",
    "\x0b",
]
EMOJI = [
    "👨‍👩‍👧‍👦", "👩🏽‍🚀", "🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇫🇷🇩🇪", "🇫", "❤️", "❤︎", "☺", "1️⃣", "#️⃣", "👍🏿", "‍", "️", "🧑‍💻",
    "©️", "™", "🤷🏻‍♀️", "😀😃",
]  # fmt: skip
MARKS = [
    chr(code) for code in (*range(0x300, 0x370), 0x591, 0x64B, 0x93C, 0x94D, 0xE31, 0x302A, 0x3099, 0x309A, 0x20D0)
]
BASES = [*"aeiouAEIOUnszßıİσΣµﬁﬃ½ǅΐᾳẞÅåḍ̇क़ख़", "가", "각", "\u1100", "\u1161", "\u11a8", "が", "ﾊﾟ", "㌔", "①", "Ｆ"]
RIGHT_TO_LEFT = ["שָׁלוֹם", "مَرْحَبًا", "لا إله", "אבג 123", "١٢٣", "\u200f", "\u202e", "ﷺ", "ى", "پارسی", "אָ"]
CODE = [
    "def f(x):\n    return x",
    "if (a != b) {\n\t++i;\n}",
    '<div class="x">&amp;</div>',
    "SELECT * FROM t;",
    "x=>x**2",
    "#!/bin/sh",
    "0x1F",
    "1e-9",
    "a_b.cD",
    "// TODO",
    "'\\n'",
    '🐍 = """',
    "${HOME}",
    "[[]]",
    "    ",
    "\t\t",
    "->",
]
BLANKS = [" ", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2003", "\u3000", "\u2028", "\u0085", "\u200b", "\ufeff"]
# Where most of the world's text is.
BLOCKS = [
    (0x20, 0x7F),
    (0xA0, 0x250),
    (0x250, 0x590),
    (0x590, 0x700),
    (0x900, 0x1100),
    (0x1100, 0x1400),
    (0x1E00, 0x2000),
    (0x2000, 0x2C00),
    (0x3000, 0x3400),
    (0x4E00, 0x9FFF),
    (0xA000, 0xAC00),
    (0xAC00, 0xD7A4),
    (0xF900, 0x10000),
    (0x10000, 0x11000),
    (0x1D000, 0x1F000),
    (0x1F000, 0x20000),
    (0x20000, 0x30000),
]


def character(rng: random.Random) -> str:
    """Any character at all; two in three from a block that is in use."""
    low, high = rng.choice(BLOCKS) if rng.random() < 0.67 else (0, 0x110000)
    code = rng.randrange(low, high)
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _several(parts: list[str]) -> Callable[[random.Random], str]:
    return lambda rng: "".join(rng.choice(parts) for _ in range(rng.choice([1, 2, 3, 5, 8])))


def _unicode(rng: random.Random) -> str:
    return "".join(character(rng) for _ in range(rng.choice([1, 2, 4, 8, 16])))


def _marked(rng: random.Random) -> str:
    count = rng.choice([1, 2, 4])
    return "".join(rng.choice(BASES) + "".join(rng.choices(MARKS, k=rng.randrange(4))) for _ in range(count))


def _blank_run(rng: random.Random) -> str:
    return rng.choice(BLANKS) * rng.choice([1, 2, 3, 7, 20]) + "".join(rng.choices(BLANKS, k=rng.randrange(5)))


KINDS: list[Callable[[random.Random], str]] = [
    _several(PARTS), _several(PARTS), _unicode, _unicode, _marked, _blank_run, _several(EMOJI), _several(RIGHT_TO_LEFT),
    _several(CODE), _several(EDGES),
]  # fmt: skip


def texts(count: int, seed: int, extra: tuple[str, ...] = ()) -> Iterator[str]:
    """The same strings for the same seed; `extra` parts, such as added tokens, stand in and between the others."""
    rng = random.Random(seed)
    yield from FIRST
    for _ in range(count):
        parts = [rng.choice(KINDS)(rng) for _ in range(rng.choice([1, 1, 2, 3, 5]))]
        if extra:
            for _ in range(rng.choice([0, 0, 1, 2])):
                parts.insert(rng.randrange(len(parts) + 1), rng.choice(extra))
        yield rng.choice(["", "", "", " "]).join(parts)
