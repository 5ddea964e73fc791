"""The command in a real terminal: keys, streams, colours, broken pipes; the model is a script."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import time

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

import fcntl
import pty
import termios

PRELUDE = """
import sys, time
from litz.cli import chat, main
from litz.cli.engine import Engine
from tests.fakes import FakeModel, FakeTokenizer
def load(source, *, threads, context, exact, parameters):
    return Engine(FakeTokenizer(), FakeModel(*SCRIPTS), parameters)
chat.load = load
"""


def program(scripts, *arguments, before=""):
    code = f"SCRIPTS = {scripts!r}\n{PRELUDE}{textwrap.dedent(before)}\nsys.exit(main({list(arguments)!r}))"
    return [sys.executable, "-c", code]


def own_terminal():
    """Run by the child: the keys of this terminal reach it, whatever signals this test run ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job ignores it, and children inherit that
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A process on a pseudo-terminal; `stdout` may be somewhere else."""

    def __init__(self, command, *, stdout=None, **environ):
        self.master, slave = pty.openpty()
        self.seen, self.position = "", 0
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **environ},
            start_new_session=True,
            preexec_fn=own_terminal,
        )
        os.close(slave)

    def until(self, text, seconds=30):
        """Read until `text` appears after what was read up to by the last call; everything between."""
        deadline = time.monotonic() + seconds
        while text not in self.seen[self.position :]:
            assert time.monotonic() < deadline, f"{text!r} did not come; got {self.seen[self.position :]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                except OSError as error:
                    raise AssertionError(f"{text!r} did not come before the end; got {self.seen!r}") from error
        start, self.position = self.position, self.seen.index(text, self.position) + len(text)
        return self.seen[start : self.position]

    def send(self, text):
        os.write(self.master, text.encode())

    def close(self):
        """Wait for the end; the exit code."""
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 65536):
                self.seen += data.decode(errors="replace")
        code = self.process.wait(timeout=30)
        os.close(self.master)
        return code


@pytest.fixture
def terminal():
    started = []

    def start(*arguments, **keywords):
        started.append(Terminal(*arguments, **keywords))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def test_a_conversation_with_interruption_and_end(terminal):
    screen = terminal(program([["slow ", *[0.05, "word "] * 400], ["the end"]], "chat"))
    screen.until(">>> ")
    screen.send("tell me\n")
    screen.until("word word ")
    screen.send("\x03")
    screen.until("(stopped)")
    screen.until(">>> ")
    screen.send("and now?\n")
    screen.until("the end")
    screen.until(">>> ")
    screen.send("\x04")
    assert screen.close() == 0
    assert "Traceback" not in screen.seen


def test_ctrl_c_at_the_prompt_warns_then_leaves(terminal):
    screen = terminal(program([["hello"]], "chat"))
    screen.until(">>> ")
    screen.send("half a li")
    screen.until("half a li")  # the echo: the prompt now listens
    screen.send("\x03")
    screen.until("once more")
    screen.send("\x03")
    assert screen.close() == 130
    assert "Traceback" not in screen.seen


def test_ctrl_c_while_loading_leaves(terminal):
    slow = """
        def load(*_, **__):
            print("loading", flush=True)
            time.sleep(60)
        chat.load = load
    """
    screen = terminal(program([[]], "chat", before=slow))
    screen.until("loading")
    screen.send("\x03")
    assert screen.close() == 130
    assert "Traceback" not in screen.seen


def test_the_history_is_at_the_arrow_keys(terminal):
    screen = terminal(program([["one"], ["two"]], "chat"))
    screen.until(">>> ")
    screen.send("a question\n")
    screen.until("one")
    screen.until(">>> ")
    screen.send("\x1b[A")
    screen.until("a question")
    screen.send("\n")
    screen.until("two")
    screen.until(">>> ")
    screen.send("/exit\n")
    assert screen.close() == 0


@pytest.mark.parametrize(("environ", "dimmed"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_the_terminals_wish(environ, dimmed, terminal):
    screen = terminal(program([["hello"]], "chat"), **{"NO_COLOR": "", **environ})
    screen.until(">>> ")
    screen.send("/exit\n")
    assert screen.close() == 0
    assert ("\x1b[2m" in screen.seen) is dimmed


def test_with_the_answer_in_a_pipe_prompts_stay_on_the_terminal(terminal, tmp_path):
    with open(tmp_path / "out", "w+") as out:
        screen = terminal(program([["hello"]], "chat"), stdout=out)
        screen.until(">>> ")
        screen.send("hi\n")
        screen.until(">>> ")
        screen.send("\x04")
        assert screen.close() == 0
    assert (tmp_path / "out").read_text() == "hello\n"


def test_in_pipes_there_is_the_answer_and_nothing_else():
    done = subprocess.run(program([["hel", "lo"]], "chat"), input="hi", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_what_is_no_text_in_a_pipe_is_an_error():
    done = subprocess.run(program([["x"]], "chat"), input=b"\xff\xfe", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"litz: standard input is no UTF-8 text: byte 0 is 0xff\n"


def test_a_prompt_does_not_wait_for_a_pipe_that_stays_silent():
    reader, writer = os.pipe()
    command = program([["hello"]], "chat", "hi", before="from litz.cli import piped; piped.SILENCE = 0.1")
    done = subprocess.run(command, stdin=reader, capture_output=True, text=True, check=False, timeout=60)
    os.close(reader)
    os.close(writer)
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "said nothing" in done.stderr


def test_a_pipe_that_breaks_is_quiet():
    process = subprocess.Popen(
        program([["word ", 0.01] * 3000], "chat", "hi"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_a_terminal_that_lacks_characters_gets_question_marks():
    done = subprocess.run(
        program([["é中"]], "chat", "hi"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert (done.returncode, done.stdout) == (0, b"\xe9?\n")


def test_arguments_are_utf8_whatever_the_locale_says():
    code = "import sys; from litz.cli import command; print(ascii(command._utf8(sys.argv[1])))"
    command = [sys.executable, "-c", code]
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*command, "你好".encode()], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout == "'\\u4f60\\u597d'\n"


PROGRESS = """
import time
from litz.hub.progress import Progress
bar = Progress("model", 2_000_000)
for step in range(30):
    bar.update(step * 60_000)
    time.sleep(0.05)
bar.close()
print("after")
"""


def test_a_progress_bar_for_what_takes_over_a_second(terminal):
    screen = terminal([sys.executable, "-c", PROGRESS])
    shown = screen.until("after")
    assert screen.close() == 0
    assert re.search(r"model  \[#+\.+\]  \d\d %  1\.\d MB of 2\.0 MB  1\.\d MB/s  \d s left", shown)
    assert re.search(r"\r {20,}\r", shown), "the line was not cleared"


def test_a_progress_bar_that_finishes_stays_full(terminal):
    screen = terminal([sys.executable, "-c", PROGRESS.replace("bar.close()", "bar.finish(); bar.close()")])
    shown = screen.until("after")
    assert screen.close() == 0
    assert re.search(r"\rmodel  \[#{20}\] 100 %  2\.0 MB of 2\.0 MB  1\.\d MB/s *\r\nafter", shown)


def test_no_progress_bar_in_a_pipe():
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("after\n", "")
