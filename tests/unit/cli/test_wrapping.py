"""Words wrapped while they come: every way to cut the text, every width, wide characters, code."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litz.cli.terminal.columns import width
from litz.cli.terminal.wrapping import Wrapper, wrapped

QUICK = settings(max_examples=150, derandomize=True, deadline=None)
PROSE = st.text(alphabet="abc, .-()\n\t`|*1é\u0301中文。，「」かガ한🙂👍\u200d", max_size=120)


def in_pieces(text, cuts, columns):
    wrapper = Wrapper(columns)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [wrapper.feed(text[start:end]) for start, end in itertools.pairwise(places)]
    return "".join(pieces) + wrapper.end()


@QUICK
@given(PROSE, st.lists(st.integers(0, 200)), st.integers(1, 200))
def test_however_the_text_comes_the_result_is_the_same(text, cuts, columns):
    assert in_pieces(text, cuts, columns) == wrapped(text, columns)


@QUICK
@given(PROSE, st.integers(1, 200))
def test_nothing_is_lost_but_spaces(text, columns):
    squeezed = str.maketrans("", "", " \t\n")
    assert wrapped(text, columns).translate(squeezed) == text.translate(squeezed)


@QUICK
@given(
    st.lists(st.sampled_from(["a", "word", "long-words", "é\u0301l", "🙂", "한국어"]), max_size=40),
    st.integers(11, 200),
)
def test_no_line_is_wider_than_the_window_and_none_could_take_the_next_word(words, columns):
    lines = wrapped(" ".join(words), columns).split("\n")
    assert all(width(line) <= columns for line in lines)
    for line, following in itertools.pairwise(lines):
        assert width(f"{line} {following.split(' ')[0]}") > columns


@QUICK
@given(st.text(alphabet="中文字かな", max_size=60), st.integers(2, 80))
def test_scripts_without_spaces_fill_the_lines(text, columns):
    lines = wrapped(text, columns).split("\n")
    assert all(width(line) == columns // 2 * 2 for line in lines[:-1])


@QUICK
@given(PROSE, st.integers(2, 60))
def test_a_terminal_breaks_only_lines_that_hold_one_long_word_or_code(text, columns):
    """As a terminal counts: its rows are the lines, except where one could not be broken."""
    for line in wrapped(text.replace("`", "").replace("|", "").replace("\t", ""), columns).split("\n"):
        if width(line) > columns and width(line) - width(line.lstrip(" ")) < 4:
            assert any(width(word) + 6 > columns for word in line.split(" "))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the quick brown fox", "the quick\nbrown fox"),
        ("exactly 10", "exactly 10"),
        ("a  b", "a  b"),
        ("trailing   \nspaces  ", "trailing\nspaces"),
        ("see https://example.com ok", "see\nhttps://example.com\nok"),
        ("see https://example.com/ab ok", "see\nhttps://example.com/ab ok"),
        ("- an item that goes on", "- an item\n  that\n  goes on"),
        ("12. an item goes on", "12. an\n    item\n    goes\n    on"),
        ("中文没有空格。", "中文没有空\n格。"),
        ("中文没有空。格", "中文没有\n空。格"),
        ("abc「中文」de", "abc「中\n文」de"),
        (
            "```\na line of code that is long\n```\nand words again",
            "```\na line of code that is long\n```\nand words\nagain",
        ),
        ("```a``` is no fence at all", "```a``` is\nno fence\nat all"),
        ("    indented code that is long", "    indented code that is long"),
        ("| a table | that is long |", "| a table | that is long |"),
        ("    - a nested item", "    - a\nnested\nitem"),
        ("\n\n", "\n\n"),
        ("", ""),
    ],
)
def test_lines_of_ten_columns(text, expected):
    assert wrapped(text, 10) == expected


def test_only_the_unfinished_word_is_kept_back():
    wrapper = Wrapper(20)
    assert [wrapper.feed(piece) for piece in ("Hel", "lo", " wor", "ld", "!\n", "中文", "字")] == [
        "", "", "Hello", "", " world!\n", "中", "文",
    ]  # fmt: skip
    assert wrapper.end() == "字"


def test_a_word_wider_than_the_window_does_not_wait_for_its_end():
    wrapper = Wrapper(4)
    assert wrapper.feed("a abcdefg") == "a\nabcdefg"


def test_without_a_width_nothing_is_kept_or_changed():
    assert Wrapper(0).feed("any  words \n  here ") == "any  words \n  here "


def test_another_width_counts_for_what_follows():
    wrapper = Wrapper(40)
    first = wrapper.feed("one two three four ")
    wrapper.width = 10
    assert first + wrapper.feed("five six seven ") + wrapper.end() == "one two three four\nfive six\nseven"
