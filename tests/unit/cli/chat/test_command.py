"""`litz chat` as a program: its output, its state and its errors; the model is a script."""

import io
import json
import sys

import pytest

from litz.cli import chat as chat_command
from litz.cli import main
from litz.cli.arguments.names import names_model, split_words
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.reader import Reader
from litz.cli.chat.slash import Slash
from litz.cli.command import UsageError
from litz.cli.engine import Engine
from litz.cli.terminal import piped
from litz.cli.terminal.console import Console, clean
from litz.errors import ArgumentError, ContextError, TemplateError
from litz.hub import DEFAULT_MODEL
from tests.fakes import FakeModel, FakeTokenizer


@pytest.fixture
def make(monkeypatch):
    """A chat over scripts."""

    def make(*scripts, context=1000, parameters=None, stats=False):
        engine = Engine(FakeTokenizer(), FakeModel(*scripts, context=context), parameters or {})
        return Chat(engine, Conversation(), Console(), model="toy", stats=stats)

    return make


@pytest.fixture
def program(monkeypatch):
    """Run `litz chat …` over scripts, with this standard input (None: nothing is piped in)."""

    def run(*arguments, scripts=(["Hel", "lo."],), stdin=None, context=1000, template="a template"):
        engine = Engine(FakeTokenizer(), FakeModel(*scripts, context=context), {})
        engine.tokenizer.chat_template = template

        def fake_load(source, *, threads, context, exact, parameters):
            engine.source, engine.threads, engine.exact, engine.parameters = source, threads, exact, parameters
            engine.context = min(engine.context, context or engine.context)
            return engine

        monkeypatch.setattr(chat_command, "load", fake_load)
        monkeypatch.setattr(piped, "read_all", lambda: stdin)
        monkeypatch.setattr(piped, "read_beside_prompt", lambda: (stdin or "", None))
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin or ""))
        return main(["chat", *arguments]), engine

    return run


def turns(chat):
    return [(turn["role"], turn["content"]) for turn in chat.conversation.turns]


def test_a_prompt_gets_one_answer(program, capsys):
    code, engine = program("Hi there")
    assert (code, capsys.readouterr().out) == (0, "Hello.\n")
    assert engine.source == DEFAULT_MODEL
    assert engine.tokenizer.seen == [[{"role": "user", "content": "Hi there"}]]


def test_a_model_and_a_prompt(program):
    _, engine = program("owner/name", "Hi", "--system", "Be brief.", "--threads", "3")
    assert (engine.source, engine.threads, engine.exact) == ("owner/name", 3, False)
    assert engine.tokenizer.seen[0][0] == {"role": "system", "content": "Be brief."}


def test_exact_asks_for_activations_in_full_floats(program):
    _, engine = program("owner/name", "Hi", "--exact")
    assert engine.exact


def test_what_is_piped_is_the_prompt(program, capsys):
    code, engine = program(stdin="line one\nline two\n")
    assert (code, capsys.readouterr().out) == (0, "Hello.\n")
    assert engine.tokenizer.seen[0][0]["content"] == "line one\nline two\n"


def test_what_is_piped_beside_a_prompt_follows_it(program):
    _, engine = program("Summarise:", stdin="a text")
    assert engine.tokenizer.seen[0][0]["content"] == "Summarise:\n\na text"


def test_an_empty_pipe_is_an_error(program, capsys):
    assert program(stdin=" \n")[0] == 1
    assert "standard input is empty" in capsys.readouterr().err


def test_a_model_without_template_is_no_chat_model(program, capsys):
    assert program("Hi", template=None)[0] == 1
    assert "litz generate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (DEFAULT_MODEL, None)),
        (["Hi"], (DEFAULT_MODEL, "Hi")),
        (["Explain in two sentences."], (DEFAULT_MODEL, "Explain in two sentences.")),
        (["What is TCP/IP?"], (DEFAULT_MODEL, "What is TCP/IP?")),
        (["Qwen/Qwen3-0.6B"], ("Qwen/Qwen3-0.6B", None)),
        (["owner/name:q/m.gguf"], ("owner/name:q/m.gguf", None)),
        (["pypi:toy==1.0/m.gguf"], ("pypi:toy==1.0/m.gguf", None)),
        (["./missing"], ("./missing", None)),
        (["missing.gguf"], ("missing.gguf", None)),
        ([DEFAULT_MODEL], (DEFAULT_MODEL, None)),
    ],
)
def test_which_word_is_the_model(words, expected):
    assert split_words(words) == expected


def test_a_folder_is_a_model_even_with_spaces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my model").mkdir()
    assert names_model("my model")
    assert not names_model("my modes")


def test_a_prompt_without_quotes_is_a_usage_error(program, capsys):
    assert program("Explain", "this", "now")[0] == 2
    assert "quotes" in capsys.readouterr().err
    with pytest.raises(UsageError):
        split_words(["a", "b", "c"])


def test_answers_cannot_command_the_terminal(program, capsys):
    script = ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "\x9b31m", "\x08\x7f", "tab\there\n", "中文 🙂"]
    program("Hi", scripts=(script,))
    assert capsys.readouterr().out == "[2J]0;titleab31mtab\there\n中文 🙂\n"
    assert clean("".join(map(chr, range(0xA0)))) == "\t\n" + "".join(map(chr, range(0x20, 0x7F)))


def test_errors_cannot_command_the_terminal_either(program, capsys):
    code, _ = program("Hi", scripts=([TemplateError("line 1:\n\x1b[31mred")],))
    assert (code, capsys.readouterr().err) == (1, "litz: line 1: [31mred\n")


def test_a_bug_is_called_one_and_debug_shows_it(program, capsys):
    assert program("Hi", scripts=([TypeError("odd")],))[0] == 1
    assert capsys.readouterr().err == "litz: internal error: TypeError: odd (--debug shows where)\n"
    with pytest.raises(TypeError, match="odd"):
        program("Hi", "--debug", scripts=([TypeError("odd")],))


def test_options_reach_the_generation_and_sampling_follows(program):
    _, engine = program("Hi", "--max-new-tokens", "1", "--temperature", "0.5", "--seed", "7", "--top-k", "5")
    assert engine.model.calls == [
        {"prompt": 2, "max_new_tokens": 1, "temperature": 0.5, "seed": 7, "top_k": 5, "do_sample": True}
    ]


def test_nothing_is_asked_for_that_was_not_given(program):
    _, engine = program("Hi")
    assert engine.model.calls == [{"prompt": 2, "max_new_tokens": 998}]


def test_greedy_excludes_sampling(program, capsys):
    assert program("Hi", "--greedy")[1].model.calls[0]["do_sample"] is False
    assert program("Hi", "--greedy", "--top-p", "0.9")[0] == 2
    assert "contradict" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--temperature", "-1"),
        ("--temperature", "nan"),
        ("--top-p", "0"),
        ("--top-p", "1.5"),
        ("--top-k", "1.5"),
        ("--max-new-tokens", "0"),
        ("--threads", "0"),
        ("--seed", "-1"),
        ("--nonsense",),
    ],
)
def test_values_out_of_range_are_usage_errors(arguments, program, capsys):
    assert program("Hi", *arguments)[0] == 2
    assert arguments[0] in capsys.readouterr().err


def test_stats_go_to_stderr(program, capsys):
    program("Hi", "--stats")
    captured = capsys.readouterr()
    assert captured.out == "Hello.\n"
    assert captured.err.startswith("[prompt: 2 tokens in ")
    assert "answer: 2 tokens" in captured.err


def test_the_conversation_is_remembered(make):
    chat = make(["one"], ["two"])
    chat.say("first")
    chat.say("second")
    assert [message["content"] for message in chat.engine.tokenizer.seen[1]] == ["first", "one", "second"]


def test_an_interrupted_answer_is_kept_as_far_as_it_came(make, capsys):
    chat = make(["half", None])
    assert not chat.say("Hi")
    assert turns(chat) == [("user", "Hi"), ("assistant", "half")]
    assert "(stopped)" in capsys.readouterr().err
    nothing = make([None])
    nothing.say("Hi")
    assert turns(nothing) == []


def test_an_interrupted_single_answer_is_exit_130(program):
    assert program("Hi", scripts=(["half", None],))[0] == 130


def test_a_conversation_that_no_longer_fits_is_said_to_be_so(make):
    chat = make(["one"], context=8)
    chat.say("a b c")  # 4 tokens
    with pytest.raises(ContextError, match=r"9 tokens do not fit into the context of 8.*nothing was dropped.*/undo"):
        chat.say("d e")
    assert turns(chat) == [("user", "a b c"), ("assistant", "one")]


def test_a_single_prompt_that_does_not_fit_is_not_told_of_commands(program, capsys):
    assert program("a b c d e f", context=5)[0] == 1
    assert capsys.readouterr().err == "litz: 7 tokens do not fit into the context of 5, with one left for the answer\n"


def test_an_answer_that_fills_the_context_is_said_to_be_cut(make, capsys):
    chat = make(["w "] * 50, context=10)
    chat.say("a b")
    assert turns(chat)[1][1] == "w " * 7
    assert "the context of 10 tokens is full" in capsys.readouterr().err


def test_an_error_takes_the_message_back(make):
    chat = make(["some", TemplateError("no system role")])
    with pytest.raises(TemplateError):
        chat.say("Hi")
    assert turns(chat) == []


# the commands


@pytest.fixture
def session(make):
    chat = make(["one"], ["two"], ["three"])
    chat.say("first")
    chat.say("second")
    return chat, Slash(chat)


def test_undo_takes_back_a_turn(session, capsys):
    chat, slash = session
    slash.run("/undo")
    assert turns(chat) == [("user", "first"), ("assistant", "one")]
    slash.run("/undo")
    slash.run("/undo")
    assert "(nothing to take back)" in capsys.readouterr().err


def test_retry_answers_anew(session, capsys):
    chat, slash = session
    slash.run("/retry")
    assert turns(chat)[-2:] == [("user", "second"), ("assistant", "three")]
    assert capsys.readouterr().err == ""


def test_a_retry_that_fails_keeps_the_old_answer(session):
    chat, slash = session
    chat.engine.model.scripts = [[ContextError("full")]]
    before = turns(chat)
    with pytest.raises(ContextError):
        slash.run("/retry")
    assert turns(chat) == before


def test_reset_keeps_the_system_prompt(session):
    chat, slash = session
    slash.run("/system Be brief.")
    slash.run("/reset")
    assert chat.conversation.messages() == [{"role": "system", "content": "Be brief."}]
    slash.run("/system none")
    assert chat.conversation.messages() == []
    with pytest.raises(ArgumentError, match="no answer"):
        slash.run("/retry")


def test_resume_goes_on_with_a_saved_conversation(program, tmp_path):
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    (tmp_path / "c.json").write_text(json.dumps({"messages": messages}))
    _, engine = program("c", "--resume", str(tmp_path / "c.json"))
    assert engine.tokenizer.seen[0] == [*messages, {"role": "user", "content": "c"}]
    assert program("c", "--resume", str(tmp_path / "none.json"))[0] == 1


def test_params_are_set_shown_and_unset(session, monkeypatch):
    chat, slash = session
    monkeypatch.setattr(Engine, "explanation", lambda engine: str(engine.parameters))
    slash.run("/params temperature=0.7 top-k=3")
    assert chat.engine.parameters == {"temperature": 0.7, "top_k": 3, "do_sample": True}
    slash.run("/params temperature=default top_k=default")
    assert chat.engine.parameters == {}
    for wrong in ("temperature", "temperature=-1", "heat=1", "top_k=x"):
        with pytest.raises(ArgumentError):
            slash.run(f"/params {wrong}")


def test_help_lists_every_command(session, capsys):
    session[1].run("/help")
    shown = capsys.readouterr().err
    assert all(name in shown for name in "/help /system /reset /undo /retry /save /load /params /exit".split())


def test_an_unknown_command_lists_the_known_ones(session):
    with pytest.raises(ArgumentError, match=r"no command /undoo; did you mean /undo\?"):
        session[1].run("/undoo")
    with pytest.raises(ArgumentError, match=r"no command /etc/passwd; there are /help.*// begins a message"):
        session[1].run("/etc/passwd is what?")
    for private in ("/_short", "/run", "/__init__"):
        with pytest.raises(ArgumentError, match="no command"):
            session[1].run(private)


# the loop


class Script(Reader):
    """A user who types; an exception class is a key."""

    def __init__(self, *items):
        self.items = list(items)

    def read(self):
        item = self.items.pop(0)
        if isinstance(item, str) or item is None:
            return item
        raise item


def test_the_loop_answers_until_the_end_of_input(make):
    chat = make(["one"])
    assert chat.converse(Script("Hi", "  ", "Ho", None)) == 0
    assert len(turns(chat)) == 4


def test_exit_leaves(make):
    assert make(["one"]).converse(Script("/exit")) == 0


def test_ctrl_c_at_the_prompt_warns_and_then_leaves(make, capsys):
    chat = make(["one"])
    assert chat.converse(Script(KeyboardInterrupt, "Hi", KeyboardInterrupt, KeyboardInterrupt)) == 130
    assert capsys.readouterr().err.count("leaves)") == 2
    assert len(turns(chat)) == 2


def test_ctrl_c_during_an_answer_does_not_leave(make):
    chat = make(["half", None], ["whole"])
    assert chat.converse(Script("a", "b", None)) == 0
    assert [content for _, content in turns(chat)] == ["a", "half", "b", "whole"]


def test_an_error_ends_the_turn_and_not_the_conversation(make, capsys):
    chat = make([TemplateError("bad template")], ["fine"])
    assert chat.converse(Script("a", "/nonsense", "b", None)) == 0
    assert [content for _, content in turns(chat)] == ["b", "fine"]
    shown = capsys.readouterr().err
    assert "bad template" in shown
    assert "no command /nonsense" in shown


def test_two_slashes_begin_a_message_with_one(make):
    chat = make(["one"])
    chat.converse(Script("//etc is what?", None))
    assert turns(chat)[0] == ("user", "/etc is what?")
