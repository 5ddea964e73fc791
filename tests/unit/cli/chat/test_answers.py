"""How a chat ends an answer in a loop, and how it handles questions in Chinese."""

import pytest

from litz.cli import chat as chat_command
from litz.cli import main
from litz.cli.chat import languages
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.reader import Reader
from litz.cli.engine import CHAT_TOKENS, Engine
from litz.cli.terminal import piped
from litz.cli.terminal.console import Console
from litz.hub import DEFAULT_MODEL
from tests.fakes import FakeModel, FakeTokenizer

LOOP = ["Boil", " an", " egg", ":", "\n"] * 200
ESSAY = [f" {chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(3000)]
QUESTION = "法国的首都是哪里？"


def engine(*scripts, context=10_000, parameters=None):
    return Engine(FakeTokenizer(), FakeModel(*scripts, context=context), parameters or {})


def chat(*scripts, **options):
    return Chat(engine(*scripts, **options), Conversation(), Console(), model="toy")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the Hub; the value fills it with the model for Chinese."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)

    def fill():
        repository, _, file = languages.CHINESE_SOURCE.partition(":")
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        (folder / "snapshots" / "abc").mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("abc")
        (folder / "snapshots" / "abc" / file).write_bytes(b"GGUF")

    return fill


@pytest.fixture
def program(cache, monkeypatch):
    """Run `litz chat …` from a terminal over a script; what was loaded, one source after another."""

    def run(*arguments, script=("Well.",)):
        loaded = []

        def fake_load(source, *, threads, context, exact, parameters):
            loaded.append(source)
            return engine(list(script), parameters=parameters)

        monkeypatch.setattr(chat_command, "load", fake_load)
        monkeypatch.setattr(piped, "read_beside_prompt", lambda: ("", None))
        assert main(["chat", *arguments]) == 0
        return loaded

    return run


def test_a_loop_is_stopped_kept_and_said(capsys):
    looping = chat(LOOP)
    assert looping.say("How do I boil an egg?")
    captured = capsys.readouterr()
    assert captured.out.count("Boil an egg:") < 25
    assert looping.conversation.turns[-1]["content"].startswith("Boil an egg:\nBoil an egg:")
    assert looping.engine.stats.finish == "loop"
    assert captured.err == (
        "(stopped: the answer only repeated itself; try --repetition-penalty 1.1, or a larger model)\n"
    )


def test_what_to_try_is_what_was_not_tried(capsys):
    chat(LOOP, parameters={"do_sample": False}).say("Hi")
    assert "try without --greedy," in capsys.readouterr().err


def test_a_long_answer_is_cut_and_it_is_said_how_to_go_on(capsys):
    long = chat(ESSAY)
    assert long.say("Write an essay")
    assert long.engine.stats.answer == CHAT_TOKENS
    remark = capsys.readouterr().err
    assert f"(cut after {CHAT_TOKENS} tokens: --max-new-tokens N" in remark
    assert "go on" in remark


def test_a_length_that_was_asked_for_is_no_news(capsys):
    chat(ESSAY, parameters={"max_new_tokens": 7}).say("Write an essay")
    assert capsys.readouterr().err == ""


def test_a_text_that_is_continued_has_no_cap():
    completing = engine(ESSAY)
    assert "".join(completing.complete("Once")).split() == [piece.strip() for piece in ESSAY]


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        (QUESTION, True),
        ("你好", True),
        ("用Python写一个函数", True),
        ("What does 你好 mean?", False),
        ("フランスの首都はどこですか？", False),
        ("프랑스의 수도는 어디입니까?", False),
        ("What is the capital of France?", False),
        ("123 + 4?", False),
        ("", False),
    ],
)
def test_questions_in_chinese_are_recognised(text, chinese):
    assert languages.is_chinese(text) is chinese


@pytest.mark.parametrize(
    ("variables", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_TW"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "en_GB.UTF-8"}, False),
        ({}, False),
    ],
)
def test_the_locale_says_which_language_is_spoken(variables, chinese):
    assert languages.locale_is_chinese(variables) is chinese


def test_a_question_in_chinese_is_answered_by_the_default_model_with_advice(program, capsys):
    assert program(QUESTION) == [DEFAULT_MODEL]
    captured = capsys.readouterr()
    assert captured.out == "Well.\n"
    assert captured.err.count("\n") == 1
    assert "litz chat -m qwen3:0.6b" in captured.err


def test_it_is_answered_by_the_model_for_chinese_if_that_is_in_the_cache(program, cache, capsys):
    cache()
    assert program(QUESTION) == [languages.CHINESE_SOURCE]
    assert capsys.readouterr().err == f"{languages.TAKEN}\n"


def test_a_model_that_was_chosen_stays(program, cache, capsys):
    cache()
    assert program("owner/name", QUESTION) == ["owner/name"]
    assert program(DEFAULT_MODEL, QUESTION) == [DEFAULT_MODEL]
    assert capsys.readouterr().err == ""


def test_english_questions_stay_with_the_default_model(program, cache, capsys):
    cache()
    assert program("What does 你好 mean?") == [DEFAULT_MODEL]
    assert capsys.readouterr().err == ""


class Messages(Reader):
    """A reader of messages that were written beforehand."""

    def __init__(self, *messages):
        self._left = [*messages, None]

    def read(self):
        return self._left.pop(0)


def test_a_conversation_changes_to_the_model_for_chinese_once(cache, capsys):
    cache()
    replaced = []
    talk = chat(["English."])
    talk.replace = lambda source: replaced.append(source) or engine(["中文。"])
    talk.converse(Messages("Hello", QUESTION, QUESTION))
    assert replaced == [languages.CHINESE_SOURCE]
    captured = capsys.readouterr()
    assert captured.out == "English.\n中文。\n中文。\n"
    assert captured.err.count(languages.TAKEN) == 1
    assert len(talk.conversation.turns) == 6


def test_a_conversation_without_that_model_gets_the_advice_once(cache, capsys):
    talk = chat(["Well."])
    talk.replace = lambda source: pytest.fail("nothing is loaded")
    talk.converse(Messages(QUESTION, QUESTION))
    assert capsys.readouterr().err.count(languages.ADVICE) == 1


def test_a_chinese_locale_takes_the_model_for_chinese_from_the_beginning(cache, monkeypatch):
    cache()
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert languages.suited(None) == (languages.CHINESE_SOURCE, languages.TAKEN)
    assert languages.suited("What is 2 + 2?") == (None, None)


def test_in_a_conversation_remarks_name_commands(capsys):
    talk = chat(LOOP)
    talk.converse(Messages("Hi"))
    assert "/set repetition_penalty 1.1" in capsys.readouterr().err
    talk = chat(ESSAY)
    talk.converse(Messages("Hi"))
    assert '"go on", or /set max_new_tokens N' in capsys.readouterr().err
