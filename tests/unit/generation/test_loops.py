"""Detection of loops, and of repetitions that are none."""

import re

import pytest

from litz.generation.loops import LoopWatch, looping_span


def pieces(text):
    """Words with the space before them, single digits, marks and line ends: what a tokenizer makes of a text."""
    return re.findall(r"\n| ?[^\W\d]+| ?\d|[^\w\s]| +", text)


def stopped_after(text):
    """How many pieces of a text pass before it is stopped; None if it comes to its end."""
    watch = LoopWatch()
    return next((count for count, piece in enumerate(pieces(text), 1) if watch.add(piece) is not None), None)


@pytest.mark.parametrize(
    "span",
    [
        " Boil an egg:",
        "la femme au martyre, ",
        "I hope you have a wonderful day, and I hope you have a wonderful day too. ",
        "The story is set in the city of Verona, where the two lovers were both killed in a duel. ",
        " the body, the neck,",
        "你好，世界。",
    ],
)
def test_a_span_without_end_is_stopped_after_a_hundred_pieces_or_five_copies(span):
    said = stopped_after("First something else. " + span * 100)
    assert said is not None
    assert said <= max(96, 5 * len(pieces(span))) + 2 * len(pieces(span)) + 5


def test_a_long_paragraph_is_stopped_too():
    paragraph = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(200)) + "\n"
    assert stopped_after(paragraph * 2) is None
    assert stopped_after(paragraph * 5) is not None


def test_items_that_differ_in_their_number_alone_are_a_loop():
    assert stopped_after("".join(f"{i}. Blue Whale\n" for i in range(1, 100))) is not None
    assert stopped_after("".join(f"{i}) Eat less\n" for i in range(1, 100))) is not None


@pytest.mark.parametrize(
    "text",
    [
        "ha " * 200,
        "=" * 200 + "\n" + "-" * 200,
        "|---|---|---|---|---|---|\n" + "|   |   |   |   |   |   |\n" * 12,
        "[0, 0, 0, 0, 0, 0, 0, 0],\n" * 8,
        "0." + "142857" * 30,
        "1" + "0" * 100,
        "".join(f"{i}\n" for i in range(1, 101)),
        "".join(f"7 x {i} = {7 * i}\n" for i in range(1, 31)),
        "".join(f"{i}. Do {i} push-ups.\n" for i in range(1, 31)),
        "I will not talk in class.\n" * 10,
        "Row, row, row your boat,\ngently down the stream.\nMerrily, merrily, life is but a dream.\n\n" * 4,
        "".join(f"Verse {word} has lines of its own\nOh, la la, sing along!\n" for word in "abcdefghijklmnop"),
        "x = x + 1\n" * 8,
        "def test():\n    assert True\n\n\n" * 4,
    ],
    ids=["laughter", "separators", "table", "matrix", "digits", "googol", "counting", "times-table", "plan",
         "ten-lines", "round", "refrain", "code", "functions"],
)  # fmt: skip
def test_what_is_asked_for_is_no_loop(text):
    assert stopped_after(text) is None


def test_the_shortest_span_is_told():
    assert looping_span(["a", "b", "c"] * 60) == 3
    assert looping_span(["a", "b", "a", "c"] * 60) == 4


@pytest.mark.parametrize("text", [[], ["a"], ["a", "a"], ["a", "b"] * 10])
def test_short_texts_have_no_loops(text):
    assert looping_span(text) is None


def test_only_the_end_counts():
    assert looping_span([*(["a", "b"] * 100), "and", "so", "on"]) is None


def test_it_does_not_matter_what_came_before():
    for before in range(10):
        assert looping_span([*map(str, range(before)), *(["a", "b"] * 100)]) == 2
