"""Reasoning separated from the answer, whatever the split; templates that switch it, and that open its mark."""

import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.reasoning import MARKS, Splitter, open_in, switch_of
from litz.cli.engine import Engine
from litz.cli.terminal.console import Console
from litz.errors import ArgumentError
from tests.fakes import FakeModel, FakeTokenizer

QUICK = settings(max_examples=150, derandomize=True, deadline=None)
THINK = MARKS[0]


def split(pieces, open=None):
    """The reasoning and the answer."""
    splitter = Splitter(open)
    parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.end()
    return tuple("".join(part.text for part in parts if part.reasoning is wanted) for wanted in (True, False))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nhm\n</think>\n\nHello", ("hm", "Hello")),
        ("\n<think>a\n\nb</think>Hello\n", ("a\n\nb", "Hello\n")),
        ("<think>\n\n</think>\n\nHello", ("", "Hello")),
        ("<think>never ends\n", ("never ends", "")),
        ("<think>a < b </thin</think>c", ("a < b </thin", "c")),
        ("[THINK]hm[/THINK]Hello", ("hm", "Hello")),
        ("Write <think> yourself </think>.", ("", "Write <think> yourself </think>.")),
        ("<thinking>", ("", "<thinking>")),
        ("<thi", ("", "<thi")),
        ("  \n text", ("", "  \n text")),
        ("", ("", "")),
    ],
)
def test_what_is_reasoning(text, expected):
    assert split([text]) == expected


def test_a_prompt_that_opens_the_mark():
    assert open_in("<|assistant|>\n<think>\n") is THINK
    assert open_in("<think>\n\n</think>\n\n") is None
    assert split(["hm\n</think>\n", "\nHello"], THINK) == ("hm", "Hello")
    assert split(["no end"], THINK) == ("no end", "")


@QUICK
@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<thi", "nk>", "</", "\n", " ", "word", "[THINK]", "<"])),
    st.lists(st.integers(0, 60)), st.booleans(),
)  # fmt: skip
def test_however_the_text_comes_the_parts_are_the_same(words, cuts, opened):
    text, open = "".join(words), THINK if opened else None
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert split(pieces, open) == split([text], open)


# in a conversation


def chat_of(*scripts, template="a template"):
    tokenizer = FakeTokenizer()
    tokenizer.chat_template = template
    return Chat(Engine(tokenizer, FakeModel(*scripts), {}), Conversation(), Console(), model="toy")


def test_reasoning_is_no_part_of_the_answer_and_is_kept_under_its_own_name(capsys):
    chat = chat_of(["<think>", "hm", "</think>", "\n\nHello"])
    chat.say("hi")
    assert chat.conversation.turns[1] == {"role": "assistant", "content": "Hello", "reasoning_content": "hm"}
    assert capsys.readouterr() == ("Hello\n", "<think>\nhm\n</think>\n\n")


def test_a_template_that_opens_the_mark_itself(capsys):
    chat = chat_of(["hm", "</think>", "Hello"], template="assistant <think>\n")
    chat.say("hi")
    assert capsys.readouterr().out == "Hello\n"


def test_an_answer_stopped_while_it_reasons_takes_the_message_back(capsys):
    chat = chat_of(["<think>", "hm", None])
    assert not chat.say("hi")
    assert chat.conversation.turns == []
    assert "your message was taken back" in capsys.readouterr().err


def test_marks_that_are_special_tokens_are_said_by_the_chat(capsys):
    chat = chat_of(["", "hm ", "", "Hello"])
    tokens = [(1, "[THINK]", True), (3, "[/THINK]", True)]
    chat.engine.tokenizer._core = SimpleNamespace(added_tokens=lambda: tokens)
    chat.say("hi")
    assert capsys.readouterr().out == "Hello\n"


def test_thinking_is_switched_where_the_template_has_it():
    chat = chat_of(["x"], template="thinks: {enable_thinking}")
    chat.think(False)
    chat.say("hi")
    assert chat.engine.tokenizer.variables == {"enable_thinking": False}


@pytest.mark.parametrize("template", ["a template", "mentions enable_thinking without effect"])
def test_a_template_without_a_switch_says_so(template):
    with pytest.raises(ArgumentError, match=r"no switch for thinking.*leave out --think"):
        switch_of(chat_of(["x"], template=template).engine.tokenizer)
