"""The commands inside a conversation: what they set, show, attach, copy and refuse; the model is a script."""

import pytest

from litz.cli.chat import settings
from litz.cli.chat.commands import COMMANDS, TOPICS, names
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.slash import Slash
from litz.cli.engine import Engine
from litz.cli.terminal.console import Console
from litz.errors import ArgumentError
from tests.fakes import FakeModel, FakeTokenizer


class Thinker(FakeTokenizer):
    """A tokenizer whose template has a switch for reasoning."""

    chat_template = "a template that reads {enable_thinking}"

    def get_chat_template(self):
        return self.chat_template


@pytest.fixture
def session():
    tokenizer, model = Thinker(), FakeModel(["one"], ["two"], ["three"], context=200)
    chat = Chat(Engine(tokenizer, model, {}), Conversation(), Console(), model="toy")
    return chat, Slash(chat)


def said(chat):
    return [turn["content"] for turn in chat.conversation.turns]


# the table


def test_every_command_of_the_table_is_understood_and_nothing_else(session):
    for name, command in names().items():
        assert command.name in COMMANDS
        assert command.name == "/exit" or hasattr(Slash, f"_{command.name[1:]}"), name
    assert names()["/?"].name == "/help"


def test_what_follows_a_command_may_be_on_the_next_line(session):
    session[1].run("/system\nBe brief.\nBe kind.")
    assert session[0].conversation.system == "Be brief.\nBe kind."


def test_a_command_that_takes_nothing_is_given_nothing(session):
    for command in COMMANDS.values():
        if not command.arguments:
            with pytest.raises(ArgumentError, match=f"{command.name} takes nothing after it, found 'this'"):
                session[1].run(f"{command.name} this")


# parameters


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("temperature 0.5", {"temperature": 0.5, "do_sample": True}),
        ("temperature=0.5", {"temperature": 0.5, "do_sample": True}),
        ("temperature = 0.5", {"temperature": 0.5, "do_sample": True}),
        ("--top-k 5", {"top_k": 5, "do_sample": True}),
        ("top_p=0.9 min_p=0.1", {"top_p": 0.9, "min_p": 0.1, "do_sample": True}),
        ("typical_p 0.3", {"typical_p": 0.3, "do_sample": True}),
        ("presence_penalty -1.5", {"presence_penalty": -1.5}),
        ("repetition_penalty 1.1", {"repetition_penalty": 1.1}),
        ("max_new_tokens 20", {"max_new_tokens": 20}),
        ("seed 7", {"seed": 7}),
        ("greedy on", {"do_sample": False}),
        ("do_sample off", {"do_sample": False}),
        ("do_sample on", {"do_sample": True}),
        ('stop "###"', {"stop_strings": ["###"]}),
        (r'stop "###" "\n\n" User: \t', {"stop_strings": ["###", "\n\n", "User:", "\t"]}),
        (r"""stop='a "b" c\\n'""", {"stop_strings": ['a "b" c\\n']}),
        ('stop="a b" max_new_tokens=5', {"stop_strings": ["a b"], "max_new_tokens": 5}),
        ('stop="a=b" "c=d" e=f', {"stop_strings": ["a=b", "c=d", "e=f"]}),
        ("stop a seed=3", {"stop_strings": ["a", "seed=3"]}),
        ('temperature=0.5 stop="a b"', {"temperature": 0.5, "do_sample": True, "stop_strings": ["a b"]}),
    ],
)
def test_parameters_are_set_as_they_are_typed(line, parameters, session):
    chat, slash = session
    slash.run(f"/set {line}")
    assert chat.engine.parameters == parameters
    for name in parameters.keys() - {"do_sample"}:
        slash.run(f"/set {'stop' if name == 'stop_strings' else name} default")
    slash.run("/set do_sample default")
    assert chat.engine.parameters == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("temperature -1", r"temperature: '-1': expected a number, at least 0"),
        ("top_p 1.5", r"top_p: '1.5': expected a number, above 0, at most 1"),
        ("top_k 1.5", "top_k: '1.5': expected a whole number"),
        ("top_k 99999999999", "top_k must be an integer from 0 to 2147483647"),
        ("temperature 1e39", "temperature must be a finite number"),
        ("greedy maybe", "greedy: 'maybe': expected on or off"),
        ("temprature 1", "no parameter 'temprature'; did you mean temperature"),
        ("num_predict 5", "did you mean max_new_tokens"),
        ("num_ctx 5", "litz chat --context N"),
        ("zzz 5", "no parameter 'zzz'; there are max_new_tokens, "),
        ("temperature", "temperature: expected a value, as in /set temperature …"),
        ("temperature=", "temperature: expected a value, found none"),
        ("stop", "stop: expected one or several texts"),
        ("system", "system: expected a text"),
        ('stop ""', "stop: expected one or several texts"),
        ('stop "a', "stop: .*: no closing quotation"),
        (r'stop "\d"', r"stop: '\\\\d' stands for nothing; \\n, "),
        ("top_k=3 temperature=x", "temperature: 'x': expected a number"),
    ],
)
def test_what_cannot_be_set_changes_nothing(line, found, session):
    chat, slash = session
    with pytest.raises(ArgumentError, match=found):
        slash.run(f"/set {line}")
    assert chat.engine.parameters == {}


def test_who_sets_what_sampling_reads_asks_for_sampling_and_is_told(session, capsys):
    chat, slash = session
    slash.run("/set greedy on")
    slash.run("/set top_k=5 seed=3")
    assert chat.engine.parameters == {"top_k": 5, "seed": 3, "do_sample": True}
    assert "(top_k = 5; seed = 3; no longer greedy)" in capsys.readouterr().err
    slash.run("/set greedy on")
    assert chat.engine.parameters == {"seed": 3, "do_sample": False}
    assert "top_k unset, since the answers are greedy" in capsys.readouterr().err
    slash.run("/set seed 4")
    assert "a seed changes nothing" in capsys.readouterr().err
    assert chat.engine.parameters["do_sample"] is False


def test_set_alone_lists_what_there_is_with_its_values(session, capsys):
    session[1].run('/set stop "\\n"')
    session[1].run("/set")
    listed = capsys.readouterr().err
    assert all(f"\n{name} " in f"\n{listed}" for name in settings.SETTINGS if name != "max_new_tokens")
    assert 'stop                  "\\n" ' in listed


@pytest.mark.parametrize("line", ["/set system", "/system"])
def test_quotes_around_a_whole_system_prompt_are_no_part_of_it(line, session):
    chat, slash = session
    kept = ("'a' or 'b'", 'say "x"', '"', "plain")
    for typed, meant in [('"Be terse."', "Be terse."), *zip(kept, kept, strict=True)]:
        slash.run(f"{line} {typed}")
        assert chat.conversation.system == meant


def test_parameters_are_set_as_in_ollama_too(session):
    chat, slash = session
    slash.run("/set parameter temperature 0.5")
    assert chat.engine.parameters == {"temperature": 0.5, "do_sample": True}
    chat.engine.tokenizer.chat_template = "enable_thinking {enable_thinking}"
    slash.run("/set nothink")
    assert chat.engine.template_variables == {"enable_thinking": False}
    slash.run("/set think")
    assert chat.engine.template_variables == {"enable_thinking": True}


@pytest.mark.parametrize(
    ("name", "said"), [("verbose", "--stats"), ("history", "--no-history"), ("model x", "-m MODEL")]
)
def test_what_is_no_parameter_is_said_to_be_elsewhere(name, said, session):
    with pytest.raises(ArgumentError, match=said):
        session[1].run(f"/set {name}")


def test_the_system_prompt_is_a_setting_too(session, capsys):
    chat, slash = session
    slash.run("/set system You are = brief.")
    assert chat.conversation.system == "You are = brief."
    slash.run("/show system")
    assert "You are = brief." in capsys.readouterr().err
    slash.run("/set system default")
    assert chat.conversation.system == ""


def test_reasoning_is_switched_where_the_template_asks(session):
    chat, slash = session
    slash.run("/set think off")
    assert chat.engine.template_variables == {"enable_thinking": False}
    slash.run("/set think default")
    assert chat.engine.template_variables == {}
    chat.engine.tokenizer.chat_template = "a template that does not ask"
    with pytest.raises(ArgumentError, match="no switch for thinking"):
        slash.run("/set temperature=1 think=on")
    assert (chat.engine.parameters, chat.engine.template_variables) == ({}, {})


# what is shown


def test_show_tells_what_is_in_use(session, capsys):
    chat, slash = session
    chat.say("a b c")
    slash.run("/show info")
    shown = capsys.readouterr().err
    assert "model       toy" in shown
    assert "context     6 of 200 tokens used, 2 messages" in shown
    assert "log         not logged" in shown
    slash.run("/show template")
    assert "enable_thinking" in capsys.readouterr().err
    slash.run("/show system")
    assert "no system prompt" in capsys.readouterr().err


def test_show_names_its_topics(session):
    for line, found in {
        "/show": "info, parameters",
        "/show x": "expected one of",
        "/show infos": "/show info?",
    }.items():
        with pytest.raises(ArgumentError, match=found):
            session[1].run(line)
    assert all(topic in COMMANDS["/show"].help for topic in TOPICS)
    assert max(len(f"{name} {command.arguments}") for name, command in COMMANDS.items()) < 26
    assert max(len(command.help) for command in COMMANDS.values()) <= 80 - 26


def test_show_info_of_a_model(tiny_model, tokenizer, capsys):
    chat = Chat(Engine(tokenizer, tiny_model, {}), Conversation(), Console(), model="toy")
    slash = Slash(chat)
    slash.run("/show info")
    slash.run("/show parameters")
    shown = capsys.readouterr().err
    assert "threads     1" in shown
    assert f"{tiny_model.num_parameters():,} parameters as {tiny_model.dtype}" in shown
    assert "do_sample" in shown


def test_clear_begins_a_new_conversation_and_keeps_the_system_prompt(session, capsys):
    chat, slash = session
    slash.run("/system Be brief.")
    slash.send("Hi")
    slash.run("/clear")
    assert chat.conversation.messages() == [{"role": "system", "content": "Be brief."}]
    assert "\x1b" not in capsys.readouterr().out
