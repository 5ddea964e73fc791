"""Chat templates classify and change each character as the running Python's `str` does."""

import sys
import unicodedata

import pytest

from litz._core import Template

TESTS = [
    "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable",
    "isspace", "istitle", "isupper",
]  # fmt: skip
CHANGES = ["upper", "lower", "title", "capitalize", "swapcase", "casefold"]

# Ideographs and private characters are alike within their block: a few of each stand for all.
BLOCKS = [
    (0x3400, 0x4DC0),
    (0x4E00, 0xA000),
    (0xAC00, 0xD7A4),
    (0xE000, 0xF900),
    (0x20000, 0x2F800),
    (0x30000, 0xE0000),
]
# Characters that later versions of Unicode changed: there Pythons differ.
CHANGED = set("\u0264\u019b\u0295\u10fc\ua7d3\ua7d5\ua7f2\ua7f3\ua7f4\uab69\U0001171e")


def characters() -> list[str]:
    """The characters that the running Python's Unicode has."""
    dense = [code for code in range(0xF0000) if not any(start <= code < end for start, end in BLOCKS)]
    sparse = [code for start, end in BLOCKS for code in range(start, end, 97)]
    found = [chr(code) for code in dense + sparse if not 0xD800 <= code < 0xE000]
    numbers = [chr(code) for code in range(0x3400, 0x30000) if chr(code).isnumeric()]
    known = [char for char in [*found, *numbers] if unicodedata.category(char) != "Cn"]
    return [char for char in known if unicodedata.unidata_version == "14.0.0" or char not in CHANGED]


CHARACTERS = characters()


def test_every_block_is_there():
    assert len(CHARACTERS) > 40_000
    assert sys.maxunicode == 0x10FFFF


def test_the_tests_of_a_character():
    shown = "".join("{{ c." + name + "()|int }}" for name in TESTS)
    found, *_ = Template("{% for c in v %}" + shown + "{% endfor %}").render({"v": CHARACTERS})
    rows = [found[at : at + len(TESTS)] for at in range(0, len(found), len(TESTS))]
    for char, row in zip(CHARACTERS, rows, strict=True):
        assert row == "".join(str(int(getattr(char, name)())) for name in TESTS), ascii(char)


@pytest.mark.parametrize("name", CHANGES)
def test_the_changes_of_a_character_within_a_word(name):
    words = [f"{char}a {char}{char}" for char in CHARACTERS]
    found, *_ = Template("{% for w in v %}{{ w." + name + "() }}~~{% endfor %}").render({"v": words})
    expected = [getattr(word, name)() for word in words]
    assert "~~".join([*expected, ""]) == found, [
        (a, b) for a, b in zip(expected, found.split("~~"), strict=False) if a != b
    ][:5]


@pytest.mark.parametrize("name", [*CHANGES, "islower", "isupper", "istitle"])
@pytest.mark.parametrize(
    "text",
    [
        "ΑΣ",
        "ΑΣ ΑΣΑ",
        "Σ",
        "aΣ.",
        "aΣ\u0301",
        "a\u00adΣ",
        "ǅ Ǆ",
        "ŉa",
        "ﬁ ﬃ",
        "straße",
        "İi",
        "ᾳ ᾼ",
        "x'y z-w",
        "1a",
        "Ⅷ ⅷ",
        "",
    ],
)
def test_case_in_context(name, text):
    found, *_ = Template("{{ v." + name + "() }}").render({"v": text})
    assert found == str(getattr(text, name)())


@pytest.mark.parametrize(
    "text", ["٣٤", "²", " 5 ", "１２", "1_0", "0x1F", "-٥", "5.5", "1e3", "１e2", "inf", "五", "1__0", ""]
)
def test_numbers_in_texts(text):
    def read(kind, default):
        try:
            return kind(text)
        except (ValueError, OverflowError):
            return default

    whole = read(int, read(lambda text: int(float(text)), 7))
    found, *_ = Template("{{ v|int(7) }} {{ v|float(7.5) }}").render({"v": text})
    assert found == f"{whole} {read(float, 7.5)}"
