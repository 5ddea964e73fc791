"""The chat in a terminal: what the window shows after each key; the model is a script."""

import os
import re
import signal
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.terminals import Terminal, program

UP, DOWN, ALT_ENTER = "\x1b[A", "\x1b[B", "\x1b\r"
CTRL = {letter: chr(ord(letter) - ord("A") + 1) for letter in "ACDEKRUWZ"}
ECHO = """
class Echo(FakeModel):
    def stream(self, input_ids, *, tokenizer, **parameters):
        from tests.fakes import Token
        yield Token(0, 1, "heard " + repr(tokenizer.seen[-1][-1]["content"]), None)
def load(source, *, threads, context, exact, parameters):
    return Engine(FakeTokenizer(), Echo(), parameters)
chat.load = load
"""


@pytest.fixture
def started():
    """The windows of a test, which are closed at its end."""
    windows = []
    yield windows
    for window in windows:
        window.release()


@pytest.fixture
def start(started, tmp_path):
    """Begin a chat in a window; without scripts the model repeats the message."""

    def start(*scripts, options=(), before="", **keywords):
        command = program(scripts, "chat", *options, before=before if scripts else ECHO + before)
        started.append(Terminal(command, **{"LITZ_HOME": str(tmp_path / "litz"), "NO_COLOR": "", **keywords}))
        started[-1].prompts()
        return started[-1]

    return start


def leave(window):
    window.prompts()
    window.send(CTRL["D"])
    assert window.close() == 0
    assert window.restored()
    assert "Traceback" not in window.seen


# messages of several lines


def test_several_pasted_lines_are_one_message_that_enter_sends(start):
    window = start()
    window.send("\x1b[200~one\r\ntwo\rthree\n\n\x1b[201~")
    window.shows(">>> one\n... two\n... three\n...")
    assert "heard" not in window.text()
    window.send("\r")
    window.shows(r"heard 'one\ntwo\nthree\n\n'")
    window.prompts()
    window.send("\x1b[200~a\x1b[31mb\x07\tc\x1b[201~\r")  # control characters are left out
    window.shows(r"heard 'a[31mb\tc'")
    leave(window)


def test_a_paste_while_the_model_speaks_is_the_next_message(start):
    window = start(["slow ", *[0.05, "word "] * 10, "over"], ["next"])
    window.send("go\r")
    window.shows("slow word")
    window.send("\x1b[200~a\nb\x1b[201~")
    window.shows(">>> a\n... b")
    assert "a" not in window.text().partition("slow")[2].partition("over")[0], "what was pasted is inside the answer"
    window.send("\r")
    window.shows("next")
    leave(window)


@pytest.mark.parametrize(
    "keys", ["one" + ALT_ENTER + "two\r", "one\\\rtwo\r", '"""one\rtwo"""\r', '"""\rone\rtwo\r"""\r']
)
def test_ways_to_type_a_message_of_two_lines(keys, start):
    window = start()
    window.send(keys)
    window.shows(r"heard 'one\ntwo'")
    leave(window)


# keys


def test_keys_that_hands_know(start):
    window = start()
    window.send("wrong first second")
    window.prompts("wrong first second")
    window.send(CTRL["A"] + "xx " + CTRL["E"] + CTRL["W"] + "third" + CTRL["A"] + "\x1bd\x1bd" + CTRL["D"] + "\r")
    window.shows("heard 'first third'")
    window.prompts()
    window.send("all of it" + CTRL["U"] + "new\r")
    window.shows("heard 'new'")
    window.prompts()
    window.send("abc" + CTRL["A"] + CTRL["D"] + CTRL["E"] + CTRL["D"] + "\r")
    window.shows("heard 'bc'")
    leave(window)


def test_history_over_conversations(start, tmp_path):
    first = start()
    first.send("who are you?\r")
    first.shows("heard")
    first.prompts()
    first.send("\x1b[200~line 1\nline 2\x1b[201~\r")
    first.shows(r"heard 'line 1\nline 2'")
    leave(first)
    assert (tmp_path / "litz/state/history").stat().st_mode & 0o777 == 0o600
    second = start()
    second.send(UP)
    second.shows(">>> line 1\n... line 2")
    second.send(UP + UP)
    second.prompts("who are you?")
    second.send(DOWN)
    second.shows(">>> line 1\n... line 2")
    second.send(UP + UP + "\r")
    second.shows("heard 'who are you?'")
    leave(second)


def test_ctrl_r_searches(start):
    window = start()
    for text in ("the first question", "another one"):
        window.send(text + "\r")
        window.shows(f"heard '{text}'")
        window.prompts()
    window.send(CTRL["R"] + "first")
    window.shows("the first question")
    window.send("\r")
    window.prompts()
    assert window.text().count("heard 'the first question'") == 2
    leave(window)


@pytest.mark.parametrize(("options", "switch"), [(["--no-history"], ""), ([], "1")])
def test_without_history_nothing_is_read_or_kept(options, switch, start, tmp_path):
    file = tmp_path / "litz/state/history"
    file.parent.mkdir(parents=True)
    file.write_text('"secret"\n')
    window = start(options=options, LITZ_NO_HISTORY=switch)
    window.send(UP + "mine\r")
    window.shows("heard 'mine'")
    window.prompts()
    window.send(UP)
    window.prompts("mine")
    window.send(CTRL["U"])
    leave(window)
    assert file.read_text() == '"secret"\n'


def test_a_history_that_cannot_be_kept_is_said_once(start, tmp_path):
    (tmp_path / "litz/state/history").mkdir(parents=True)
    window = start()
    for _ in range(2):
        window.send("hi\r")
        window.prompts()
    window.shows("heard 'hi'")
    assert window.text().count("(no history: Is a directory:") == 1
    leave(window)


# completion


def test_tab_completes_commands_and_what_they_take(start, tmp_path):
    (tmp_path / "talk of today.json").write_text("{}")
    window = start(["x"], before=f"import os; os.chdir({str(tmp_path)!r})")
    window.send("/und\t")
    window.prompts("/undo")
    window.send(CTRL["U"] + "/sy\t")
    window.prompts("/system ")
    window.send(CTRL["U"] + "/params temp\t")
    window.prompts("/params temperature=")
    window.send(CTRL["U"] + "/show temp\t")
    window.prompts("/show template")
    window.send(CTRL["U"] + "/load tal\t")
    window.prompts("/load talk of today.json")
    window.send(CTRL["U"] + "/re\t\t")
    window.shows("/reset")
    window.shows("/retry")
    window.prompts("/re")
    window.send(CTRL["U"] + "plain\t")
    window.prompts("plain")
    window.send(CTRL["U"])
    leave(window)


# Ctrl-C and Ctrl-D, at every moment


def test_ctrl_c_twice_on_an_empty_line_leaves(start):
    window = start()
    window.send(CTRL["C"])
    window.shows("once more")
    window.prompts()
    window.send(CTRL["C"])
    assert window.close() == 130
    assert window.restored()


def test_ctrl_c_on_a_half_typed_line_clears_it_and_disarms(start):
    window = start()
    window.send(CTRL["C"])
    window.shows("once more")
    window.send("half a li")
    window.prompts("half a li")
    window.send(CTRL["C"])
    window.prompts()
    assert window.text().count("once more") == 1
    window.send(CTRL["C"])
    window.prompts()
    window.send('"""a block\rthat goes on' + CTRL["C"])
    window.prompts()
    window.send("still here\r")
    window.shows("heard 'still here'")
    leave(window)


def test_ctrl_c_in_a_dumb_terminal(start):
    window = start(TERM="dumb")
    for half in ("half a line", "goes on \\\r", '"""\r'):
        window.send(half)
        window.until(half.strip())
        window.new()
        window.send(CTRL["C"])
        window.until(">>> ")
    assert "once more" not in window.text()
    window.send(CTRL["C"])
    window.until("once more")
    window.send(CTRL["C"])
    assert window.close() == 130


def test_ctrl_c_during_an_answer_stops_it_and_no_more_however_often(start):
    window = start(["slow ", *[0.02, "word "] * 500], ["next"])
    window.send("go\r")
    window.shows("slow word")
    window.send(CTRL["C"] * 5)
    window.shows("(stopped)")
    window.prompts()
    window.send("again\r")
    window.shows("next")
    leave(window)


def test_ctrl_c_before_the_first_token_takes_the_message_back(start):
    window = start([b"\x1b]0;reading\x07", 60, "never"], ["next"])
    window.new()
    window.send("go\r")
    window.until("]0;reading")
    window.send(CTRL["C"])
    window.shows("(stopped; your message was taken back)")
    window.prompts()
    window.send("again\r")
    window.shows("next")
    leave(window)


def test_ctrl_c_in_a_command_stops_it(start):
    slow = """
        from litz.cli.chat.slash import Slash
        Slash._reset = lambda *_: (print("at it"), time.sleep(60))
    """
    window = start(["x"], before=slow)
    window.send("/reset\r")
    window.shows("at it")
    window.send(CTRL["C"])
    window.shows("(stopped)")
    leave(window)


def test_ctrl_d_during_an_answer_leaves_after_it(start):
    window = start(["slow ", *[0.02, "word "] * 20, "over"])
    window.send("go\r")
    window.shows("slow word")
    window.send(CTRL["D"])
    assert window.close() == 0
    assert "over" in window.text()
    assert window.restored()


def test_what_is_typed_during_an_answer_waits_for_the_prompt(start):
    window = start(["slow ", *[0.02, "word "] * 20, "over"], ["next"])
    window.send("go\r")
    window.shows("slow word")
    window.send("typed ahead")
    window.prompts("typed ahead")
    assert "typed" not in window.text().partition(">>> typed")[0]
    window.send("\r")
    window.shows("next")
    leave(window)


# signals


@pytest.mark.parametrize(
    ("name", "code", "typed"),
    [("SIGTERM", 143, None), ("SIGTERM", 143, "half a line"), ("SIGTERM", 143, "go\r"), ("SIGHUP", 129, "go\r"),
     ("SIGQUIT", 131, "half a line")],
)  # fmt: skip
def test_a_signal_ends_the_conversation_in_order(name, code, typed, start):
    window = start(["slow ", *[0.02, "word "] * 500])
    if typed:
        window.send(typed)
        window.shows("half a line" if typed != "go\r" else "slow word")
    os.kill(window.process.pid, getattr(signal, name))
    assert window.close() == code
    assert window.restored()
    assert "Traceback" not in window.seen
    assert name == "SIGHUP" or not window.before_cursor(), "the shell's prompt begins in the middle of a line"


@pytest.mark.parametrize("typed", ["half a line", "go\r"])
def test_a_terminal_that_is_closed_ends_the_conversation(typed, start):
    window = start(["slow ", *[0.02, "word "] * 500])
    window.send(typed)
    window.shows("half a line" if typed != "go\r" else "slow word")
    window.hang_up()
    assert window.process.wait(timeout=20) == 129


def test_ctrl_z_gives_the_terminal_to_the_shell_and_the_conversation_goes_on(started, tmp_path):
    *interpreter, code = program([["slow ", *[0.05, "word "] * 60, "over"], ["next"]], "chat")
    window = Terminal(["sh", "-i"], PS1="$ ", CODE=code, LITZ_HOME=str(tmp_path))
    started.append(window)
    window.shows("$")
    window.send(" ".join(interpreter) + ' "$CODE"\r')
    for keys in ("half", "go\r"):
        window.prompts()
        window.send(keys)
        window.shows("slow word" if keys == "go\r" else "half")
        window.send(CTRL["Z"])
        window.rests_after("$ ")
        window.send("echo in the $((1+1))nd shell\r")
        window.shows("in the 2nd shell")
        window.rests_after("$ ")
        window.new()
        window.send("fg\r")
        window.until("?2004h")
        if keys == "half":
            window.send(CTRL["U"])
    window.send("typed ahead")
    window.prompts("typed ahead")
    assert "typed" not in window.text().partition(">>> typed")[0]
    window.send("\r")
    window.shows("next")
    window.prompts()
    window.send(CTRL["D"])
    window.rests_after("$ ")


# the window


def test_words_are_wrapped_in_a_narrow_window(start):
    window = start(["the quick ", "brown ", "fox jum", "ps over", " the lazy dog"], columns=20)
    window.send("a long line that goes on\r")
    window.shows(">>> a long line that\n     goes on\nthe quick brown fox\njumps over the lazy\ndog\n>>>")
    leave(window)


def test_wide_characters_are_wrapped_by_their_columns(start):
    window = start(["中文没有空格，", "所以可以在任何", "地方断开。e\u0301a ok"], columns=20)
    window.send("こんにちは\r")
    window.prompts()
    shown = [row.replace(" ", "") for row in window.rows()[-5:-1]]
    assert shown == [">>>こんにちは", "中文没有空格，所以可", "以在任何地方断开。éa", "ok"]
    leave(window)


def test_a_window_resized_in_the_middle_of_an_answer(start):
    waits_for_it = """
        import os
        from tests.fakes import Token
        class Waiting(FakeModel):
            def stream(self, *_, **__):
                yield Token(0, 1, "word " * 8, None)
                while os.get_terminal_size().columns != 24:
                    time.sleep(0.01)
                yield Token(0, 2, "text " * 12, None)
        chat.load = lambda *_, **__: Engine(FakeTokenizer(), Waiting(), {})
    """
    window = start([""], before=waits_for_it)
    window.send("go\r")
    window.shows("word word word word")
    window.resize(24)
    window.prompts()
    assert window.rows()[-4:-1] == ["text text text text text"] * 2 + ["text text"]
    leave(window)


def test_reasoning_is_dimmed_and_stays_out_of_the_answer(start):
    window = start(["<thi", "nk>\nI should ", "greet.\n", "</think>\n\nHello", "."], ["next"])
    window.send("hi\r")
    window.shows("I should greet.\n\nHello.")
    assert "think" not in window.text()
    assert re.search(r"\x1b\[2m[^\x1b]*greet\.", window.seen)
    assert "\x1b[2mHello" not in window.seen
    leave(window)
