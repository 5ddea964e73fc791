"""The commands that need a terminal: the screen is cleared, an editor opened, the clipboard reached."""

import base64
import os
import subprocess
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.terminals import Terminal, program


@pytest.fixture
def terminal(tmp_path):
    started = []

    def start(*arguments, **keywords):
        environ = {"LITZ_HOME": str(tmp_path / "litz"), "DISPLAY": "", "WAYLAND_DISPLAY": "", **keywords}
        started.append(Terminal(program(*arguments), **environ))
        started[-1].prompts()
        return started[-1]

    yield start
    for one in started:
        one.release()


def leave(screen):
    screen.send("/exit\r")
    assert screen.close() == 0
    assert screen.restored()
    assert "Traceback" not in screen.seen


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_clear_clears_the_window_and_keeps_what_scrolled_away(terminal):
    screen = terminal([["an answer"]], "chat")
    screen.send("a question\r")
    screen.shows("an answer")
    screen.prompts()
    screen.send("/clear\r")
    screen.shows("(a new conversation)")
    screen.prompts()
    assert "an answer" not in screen.text()
    assert "\x1b[3J" not in screen.seen
    leave(screen)


def test_the_last_answer_goes_to_the_terminals_clipboard(terminal):
    screen = terminal([["an answer, ", "中"]], "chat", PATH=os.path.dirname(sys.executable))
    screen.send("a question\r")
    screen.shows("an answer")
    screen.prompts()
    screen.send("/copy\r")
    screen.until(f"\x1b]52;c;{base64.b64encode('an answer, 中'.encode()).decode()}\a")
    screen.shows("(12 characters copied through the terminal (OSC 52)")
    screen.prompts()
    leave(screen)


def test_an_editor_has_the_terminal_to_itself(terminal, tmp_path):
    editor = script(
        tmp_path / "editor",
        'stty -a | grep -q " icanon" && stty -a | grep -q " echo " || exit 9\n'
        'printf "name? "; read line; printf "%s said so\\n" "$line" > "$1"',
    )
    screen = terminal([["an answer"], ["another"]], "chat", EDITOR=editor, VISUAL="")
    screen.send("/edit draft\r")
    screen.shows("name?")
    screen.send("Ada\n")
    screen.shows(">>> Ada said so")
    screen.shows("an answer")
    screen.prompts()
    screen.send("and now?\r")
    screen.shows("another")
    screen.prompts()
    leave(screen)


def test_a_half_finished_message_goes_on_in_the_editor(terminal, tmp_path):
    editor = script(tmp_path / "editor", 'stat -c %a "$1" > "$0.mode"; printf "%s, finished" "$(cat "$1")" > "$1"')
    screen = terminal([["an answer"]], "chat", VISUAL=editor)
    screen.send("half")
    screen.prompts("half")
    screen.send("\x18\x05")
    screen.prompts("half, finished")
    screen.send("\r")
    screen.shows("an answer")
    screen.prompts()
    assert (tmp_path / "editor.mode").read_text() == "600\n"
    leave(screen)


def test_an_editor_is_on_the_screen_where_answers_go_to_a_file(tmp_path):
    editor = script(tmp_path / "editor", 'test -t 1 || exit 9\necho written > "$1"')
    with open(tmp_path / "out", "w") as out:
        screen = Terminal(program([["an answer"]], "chat"), stdout=out, VISUAL=editor, LITZ_HOME=str(tmp_path))
        screen.until(">>>")
        screen.send("/edit\n")
        screen.until(">>> written")
        screen.until(">>>")
        screen.send("/clear\n")
        screen.until("\x1b[H\x1b[2J")
        screen.send("/exit\n")
        assert screen.close() == 0
        screen.release()
    assert (tmp_path / "out").read_text() == "an answer\n"


def test_ctrl_c_is_the_editors_while_it_runs(terminal, tmp_path):
    editor = script(
        tmp_path / "editor", 'trap "echo caught; echo from the editor > $1; exit 0" INT\necho ready; sleep 30 & wait'
    )
    screen = terminal([["an answer"]], "chat", VISUAL=editor)
    screen.send("/edit\r")
    screen.shows("ready")
    screen.send("\x03")
    screen.shows(">>> from the editor")
    screen.shows("an answer")
    screen.prompts()
    leave(screen)


def test_a_conversation_is_logged_and_gone_on_with(terminal):
    screen = terminal([["an answer"]], "chat", "--log")
    screen.send("a question\r")
    screen.shows("an answer")
    screen.prompts()
    leave(screen)
    screen = terminal([["another"]], "chat", "-c", "--log")
    screen.shows("leaves\n(2 messages)\n>>> a question\nan answer")
    screen.send("/show info\r")
    screen.shows("log         conversation 1 ")
    screen.prompts()
    screen.send("/undo\r")
    screen.shows("(taken back: a question)")
    screen.prompts()
    leave(screen)


def test_what_came_before_the_end_by_a_signal_is_logged(terminal, tmp_path):
    screen = terminal([["half an ", *[0.05, "answer "] * 400]], "chat", "--log")
    screen.send("a question\r")
    screen.shows("answer answer")
    screen.process.terminate()
    assert screen.close() == 143
    show = [sys.executable, "-c", "from litz.cli import main; main(['log', 'show'])"]
    environ = {**os.environ, "LITZ_HOME": str(tmp_path / "litz")}
    assert (
        "half an answer answer" in subprocess.run(show, env=environ, capture_output=True, text=True, check=True).stdout
    )
