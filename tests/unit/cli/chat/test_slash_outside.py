"""What the commands of a conversation reach outside it: files, the clipboard, an editor; the model is a script."""

import sys

import pytest

from litz.cli.chat import clipboard, editor
from litz.cli.chat.attachment import Attachment, read_attachment, split_path
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.slash import Slash
from litz.cli.engine import Engine
from litz.cli.terminal.console import Console
from litz.errors import ArgumentError, ContextError, FormatError, UnsupportedError
from tests.fakes import FakeModel, FakeTokenizer


@pytest.fixture
def session():
    model = FakeModel(["one"], ["two"], ["three"], context=200)
    chat = Chat(Engine(FakeTokenizer(), model, {}), Conversation(), Console(), model="toy")
    return chat, Slash(chat)


def said(chat):
    return [turn["content"] for turn in chat.conversation.turns]


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
    """A terminal that records what it was sent."""

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
    """An editor that replaces the file by `text` and records what it was given."""

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
