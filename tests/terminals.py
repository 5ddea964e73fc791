"""A process on a pseudo-terminal, and what its window shows; the model is a script."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time

import pyte

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
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a background job ignores some, and children inherit that
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A process on a pseudo-terminal of a size; `stdout` may be somewhere else."""

    def __init__(self, command, *, stdout=None, columns=80, lines=24, **environ):
        self.master, self.slave = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.seen, self.position, self._sent = "", 0, 0
        self.resize(columns, lines)
        self.modes = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command,
            stdin=self.slave,
            stdout=self.slave if stdout is None else stdout,
            stderr=self.slave,
            env={**os.environ, "TERM": "xterm", **environ},
            start_new_session=True,
            preexec_fn=own_terminal,
        )

    def resize(self, columns, lines=24):
        """Another size of the window, which the process is notified of."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def send(self, text):
        self._sent = len(self.seen)
        os.write(self.master, text.encode())

    def until(self, text, seconds=20):
        """Read until `text` comes after what was read up to by the last call; everything between."""
        self._wait(lambda: text in self.seen[self.position :], text, seconds)
        start, self.position = self.position, self.seen.index(text, self.position) + len(text)
        return self.seen[start : self.position]

    def shows(self, text, seconds=20):
        """Wait until the window shows a text, which may go over several lines."""
        self._wait(lambda: text in self.text(), text, seconds)

    def prompts(self, typed="", seconds=20):
        """Wait until keys have been answered by a prompt with this after it and before the cursor."""
        self.rests_after(f">>> {typed}", seconds)

    def rests_after(self, line, seconds=20):
        """Wait until keys have been answered and the cursor rests after this, such as a shell's prompt."""
        self._wait(lambda: self._rests_at(line), line, seconds)

    def new(self):
        """From now on `until` sees only what comes later."""
        self.position = len(self.seen)

    def rows(self):
        """The rows that scrolled away and those in the window, without the empty ones at the end."""
        gone = ["".join(row[x].data for x in range(self.screen.columns)) for row in self.screen.history.top]
        rows = [row.rstrip() for row in [*gone, *self.screen.display]]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def text(self):
        return "\n".join(self.rows())

    def restored(self):
        """Whether the terminal's modes are what they were, and pastes are no longer marked."""
        return termios.tcgetattr(self.slave) == self.modes and self.seen.rfind("?2004l") >= self.seen.rfind("?2004h")

    def close(self, seconds=20):
        """Wait for the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"the process did not end; it shows\n{self.text()}"
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.returncode

    def release(self):
        """End the process if it still runs, and close the terminal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.hang_up()

    def _rests_at(self, text):
        return len(self.seen) > self._sent and self.before_cursor() == text and not self._read(0.03)

    def hang_up(self):
        """Close the window under the process."""
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(end)
        self.master = self.slave = -1

    def before_cursor(self):
        """What the cursor's row shows before it."""
        cursor = self.screen.cursor
        row = self.screen.buffer[cursor.y]
        return "".join(row[x].data for x in range(cursor.x))

    def _wait(self, holds, what, seconds):
        deadline = time.monotonic() + seconds
        while not holds():
            if self.process.poll() is not None and not self._read(0) and not holds():
                raise AssertionError(f"{what!r} did not come before the end; the window shows\n{self.text()}")
            assert time.monotonic() < deadline, f"{what!r} did not come; the window shows\n{self.text()}"
            self._read(0.05)

    def _read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        data = os.read(self.master, 65536)
        self._stream.feed(data)
        self.seen += data.decode(errors="replace")
        return True
