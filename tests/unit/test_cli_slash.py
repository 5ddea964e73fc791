"""The commands inside a conversation: what they set, show, attach, copy and refuse; the model is a script."""

import sys

import pytest

from litz.cli.chat import clipboard, editor, settings
from litz.cli.chat.attachment import Attachment, read_attachment, split_path
from litz.cli.chat.commands import COMMANDS, TOPICS, names
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.slash import Slash
from litz.cli.console import Console
from litz.cli.engine import Engine
from litz.errors import ArgumentError, ContextError, FormatError, UnsupportedError
from tests.fakes import FakeModel, FakeTokenizer


class Thinker(FakeTokenizer):
    """A tokenizer whose template asks whether to reason."""

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
        ("greedy maybe", "greedy: 'maybe': expected on or off"),
        ("temprature 1", "no parameter 'temprature'; did you mean temperature"),
        ("num_predict 5", "did you mean max_new_tokens"),
        ("num_ctx 5", "litz chat --context N"),
        ("zzz 5", "no parameter 'zzz'; there are max_new_tokens, "),
        ("temperature", "temperature: expected a value, as in /set temperature …"),
        ("temperature=", "temperature: expected a value, found none"),
        ("stop", "stop: expected a value"),
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
    assert tuple(sorted(COMMANDS["/show"].arguments.split("|"))) == TOPICS


def test_show_info_of_a_model(tiny_model, tokenizer, capsys):
    chat = Chat(Engine(tokenizer, tiny_model, {}), Conversation(), Console(), model="toy")
    slash = Slash(chat)
    slash.run("/show info")
    slash.run("/show parameters")
    shown = capsys.readouterr().err
    assert "threads     1" in shown
    assert f"{tiny_model.num_parameters():,} parameters as {tiny_model.dtype}" in shown
    assert "do_sample" in shown


# files


def test_a_file_goes_into_the_message_with_its_question(session, tmp_path):
    chat, slash = session
    (tmp_path / "my notes.txt").write_text("line ```one```\n中文\n", encoding="utf-8")
    slash.run(f"/file '{tmp_path}/my notes.txt' What does it say?")
    assert said(chat)[0] == "my notes.txt:\n````\nline ```one```\n中文\n````\n\nWhat does it say?"


def test_a_file_without_a_question_waits_for_the_next_message(session, tmp_path, capsys):
    chat, slash = session
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b.txt").write_text("second")
    slash.run(f"/file {tmp_path}/a.txt")
    slash.run(f"/file {tmp_path}/b.txt")
    slash.run("/file")
    assert "(for the next message: a.txt, b.txt)" in capsys.readouterr().err
    assert said(chat) == []
    chat.engine.model.scripts.insert(0, [ContextError("full")])
    with pytest.raises(ContextError):
        slash.send("Compare.")
    slash.send("Compare.")
    assert said(chat)[0] == "a.txt:\n```\nfirst\n```\n\nb.txt:\n```\nsecond\n```\n\nCompare."
    slash.send("And now?")
    assert said(chat)[2] == "And now?"


def test_a_message_that_was_taken_back_keeps_its_files(session, tmp_path):
    chat, slash = session
    (tmp_path / "a.txt").write_text("first")
    slash.run(f"/file {tmp_path}/a.txt")
    chat.engine.model.scripts.insert(0, [None])
    assert not slash.send("Hi")
    slash.send("Hi again")
    assert said(chat)[0] == "a.txt:\n```\nfirst\n```\n\nHi again"


def test_files_that_wait_can_be_dropped(session, tmp_path):
    chat, slash = session
    (tmp_path / "a.txt").write_text("first")
    slash.run(f"/file {tmp_path}/a.txt")
    slash.run("/file none")
    slash.send("Hi")
    assert said(chat)[0] == "Hi"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "no file"),
        ("folder", "is a folder"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "is no text: byte 0 is no UTF-8"),
        (b"a\0b", "is no text: it holds bytes of zero"),
        (b"x" * 13_000, "has 13,000 bytes, and the context has room for 199 tokens"),
        (b"word " * 300, "is 303 tokens long, and 199 of the context's 200 are left"),
    ],
)
def test_what_is_no_text_or_does_not_fit_is_not_attached(content, found, session, tmp_path):
    path = tmp_path / "x"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises((ArgumentError, FormatError), match=found):
        session[1].run(f"/file {path} What?")
    assert said(session[0]) == []


def test_utf16_with_its_mark_is_text(tmp_path):
    (tmp_path / "x.txt").write_text("héllo", encoding="utf-16")
    assert read_attachment(tmp_path / "x.txt", 10) == Attachment("x.txt", "héllo")


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("a.txt", ("a.txt", "")),
        ("a.txt  why so?", ("a.txt", "why so?")),
        ("'a b.txt' why?", ("a b.txt", "why?")),
        ('"a b.txt"', ("a b.txt", "")),
        (r"a\ b.txt why?", ("a b.txt", "why?")),
        (r"C:\folder\a.txt", (r"C:\folder\a.txt", "")),
        ("", ("", "")),
    ],
)
def test_a_path_may_be_quoted(argument, parts):
    assert split_path(argument) == parts


def test_a_path_that_is_there_may_hold_spaces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "a b.txt"):
        (tmp_path / name).touch()
    assert split_path("a b.txt  why so?") == ("a b.txt", "why so?")
    assert split_path("a why so?") == ("a", "why so?")
    assert split_path("no why so?") == ("no", "why so?")


# the clipboard


class Screen:
    """A terminal that remembers what it was sent."""

    def __init__(self, real=True):
        self.real, self.sent = real, ""

    def isatty(self):
        return self.real

    def write(self, text):
        self.sent += text

    def flush(self):
        pass


@pytest.fixture
def desktop(monkeypatch, tmp_path):
    """A machine with these programs, each of which stores what it is given, and these variables."""

    def make(*programs, code=0, **environ):
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_TTY", "SSH_CONNECTION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", "PATH": str(tmp_path), **environ}.items():
            monkeypatch.setenv(name, value)
        for name in programs:
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\n/bin/cat > '{tmp_path}/clip'\necho $@ > '{tmp_path}/arguments'\nexit {code}\n")
            path.chmod(0o755)
        return tmp_path / "clip"

    return make


@pytest.mark.skipif(sys.platform == "win32", reason="scripts of a shell")
@pytest.mark.parametrize(
    ("programs", "environ", "used"),
    [
        (("wl-copy", "xclip"), {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "wl-copy"),
        (("wl-copy", "xclip"), {"DISPLAY": ":0"}, "xclip"),
        (("xsel",), {"DISPLAY": ":0"}, "xsel"),
        (("pbcopy",), {}, "pbcopy"),
    ],
)
def test_the_desktops_program_copies(programs, environ, used, desktop):
    clip = desktop(*programs, **environ)
    assert clipboard.copy("é中", Screen()) == f"with {used}"
    assert clip.read_text(encoding="utf-8") == "é中"


@pytest.mark.parametrize(
    ("programs", "environ"),
    [
        ((), {"DISPLAY": ":0"}),
        (("xclip", "wl-copy"), {}),
        (("xclip",), {"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}),
    ],
)
def test_the_terminal_copies_where_no_program_does(programs, environ, desktop):
    desktop(*programs, **environ)
    screen = Screen()
    assert "OSC 52" in clipboard.copy("hi", screen)
    assert screen.sent == "\x1b]52;c;aGk=\a"


@pytest.mark.skipif(sys.platform == "win32", reason="scripts of a shell")
def test_a_program_that_fails_leaves_it_to_the_terminal(desktop):
    desktop("xclip", code=1, DISPLAY=":0")
    assert "OSC 52" in clipboard.copy("hi", Screen())
    with pytest.raises(UnsupportedError, match="xclip failed with code 1: install"):
        clipboard.copy("hi", Screen(real=False))


def test_without_any_clipboard_it_is_said_what_to_install(desktop):
    desktop(TERM="dumb")
    with pytest.raises(UnsupportedError, match="no clipboard here: install wl-copy"):
        clipboard.copy("hi", Screen())
    desktop()
    with pytest.raises(ArgumentError, match="60,000 characters are more"):
        clipboard.copy("x" * 60_000, Screen())


def test_there_must_be_an_answer_to_copy(session):
    with pytest.raises(ArgumentError, match="no answer to copy"):
        session[1].run("/copy")


# the editor


@pytest.fixture
def editing(monkeypatch, tmp_path):
    """An editor that replaces the file by `text` and remembers what it was given."""

    def make(script):
        path = tmp_path / "an editor"
        path.write_text(
            f"#!/bin/sh\n/bin/cat \"$2\" > '{tmp_path}/before'\n/bin/ls -l \"$2\" > '{tmp_path}/mode'\n{script}\n"
        )
        path.chmod(0o755)
        monkeypatch.setenv("VISUAL", f"'{path}' --wait")
        return tmp_path

    return make


needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="scripts of a shell")


@needs_shell
def test_what_is_written_in_the_editor_is_sent(session, editing, capsys):
    chat, slash = session
    place = editing("printf '\\nline one\\n/line 中\\n\\n' > \"$2\"")
    slash.run("/edit half a message")
    assert (place / "before").read_text() == "half a message\n"
    assert (place / "mode").read_text().startswith("-rw------- ")
    assert said(chat) == ["line one\n/line 中", "one"]
    assert ">>> line one\n... /line 中" in capsys.readouterr().err


@needs_shell
def test_the_editor_begins_with_the_last_message_or_the_one_taken_back(session, editing):
    chat, slash = session
    place = editing('echo more >> "$2"')
    slash.run("/edit")
    assert (place / "before").read_text() == ""
    slash.run("/edit")
    assert (place / "before").read_text() == "more\n"
    assert said(chat) == ["more", "one", "more\nmore", "two"]
    slash.run("/undo")
    slash.run("/edit")
    assert (place / "before").read_text() == "more\nmore\n"
    chat.engine.model.scripts.insert(0, [ContextError("full")])
    with pytest.raises(ContextError):
        slash.send("too long")
    slash.run("/edit")
    assert (place / "before").read_text() == "too long\n"


@needs_shell
@pytest.mark.parametrize("script", ["true", "printf '' > \"$2\"", "printf ' \\n\\n' > \"$2\""])
def test_nothing_new_in_the_editor_sends_nothing(script, session, editing, capsys):
    editing(script)
    session[1].run("/edit half")
    assert said(session[0]) == []
    assert "nothing was sent" in capsys.readouterr().err


@needs_shell
@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exit 3", "ended with code 3, so nothing was sent"),
        ("printf '\\377' > \"$2\"", "saved no UTF-8 text"),
        ('/bin/rm "$2"', "removed the file"),
    ],
)
def test_an_editor_that_fails_sends_nothing(script, found, session, editing):
    editing(script)
    with pytest.raises((ArgumentError, FormatError), match=found):
        session[1].run("/edit half")
    assert said(session[0]) == []


def test_a_missing_editor_is_explained(monkeypatch):
    monkeypatch.setenv("VISUAL", "no-such-editor -w")
    with pytest.raises(UnsupportedError, match="VISUAL names 'no-such-editor', and there is no such program"):
        editor.command()
    monkeypatch.delenv("VISUAL")
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnsupportedError, match="set EDITOR to one"):
        editor.command()
    monkeypatch.setenv("EDITOR", "'vi")
    with pytest.raises(ArgumentError, match='EDITOR="\'vi" is no command'):
        editor.command()


def test_clear_begins_a_new_conversation_and_keeps_the_system_prompt(session, capsys):
    chat, slash = session
    slash.run("/system Be brief.")
    slash.send("Hi")
    slash.run("/clear")
    assert chat.conversation.messages() == [{"role": "system", "content": "Be brief."}]
    assert "\x1b" not in capsys.readouterr().out
