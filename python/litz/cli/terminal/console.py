"""Terminal output: answers to stdout, everything else to stderr, without the control characters of models."""

import os
import sys
from typing import TextIO

from litz.cli.terminal.wrapping import Wrapper, wrapped

_CONTROL = {code: None for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\n\t"}


def clean(text: str) -> str:
    """Without control characters (escape sequences, carriage returns, C1 codes), save newline and tab."""
    return text.translate(_CONTROL)


def with_streams() -> None:
    """Opens the null device where a process has no standard output or error."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:  # or print() would write to standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


class Console:
    """Writes answers as they are generated, and notes; notes are dimmed on a terminal with colour.

    With `wrap`, words are wrapped at the window's width where the output is a terminal, whatever its size is by then.
    """

    def __init__(self, *, wrap: bool = False) -> None:
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        self.watched = sys.stderr.isatty()
        self.dims = self.watched and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._wrap = wrap
        self._wrapper = Wrapper(0)
        self._stream: TextIO | None = None  # of the answer or the reasoning that is being written
        self._middle = False

    def write(self, text: str) -> None:
        """Writes a piece of an answer at once."""
        self._put(sys.stdout, text)

    def reason(self, text: str) -> None:
        """A piece of a model's reasoning, which is not part of the answer."""
        self._put(sys.stderr, text)

    def end(self) -> None:
        """The end of an answer: the next output begins on a line of its own."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        self._send(stream, self._wrapper.end() + "\n" * self._middle)
        self._middle = False

    def note(self, text: str) -> None:
        """A remark that is not part of the answer."""
        self.end()
        text = clean(text)
        width = self._width(sys.stderr)
        self._send(sys.stderr, wrapped(text, width, aligned=True) if width else text)
        print(file=sys.stderr, flush=True)

    def _put(self, stream: TextIO, text: str) -> None:
        text = clean(text)
        if not text:
            return
        if stream is not self._stream:
            self.end()
            self._stream, self._wrapper = stream, Wrapper(0)
        self._wrapper.width = self._width(stream)
        self._send(stream, self._wrapper.feed(text))
        self._middle = not text.endswith("\n")

    def _send(self, stream: TextIO, text: str) -> None:
        if not text:
            return
        stream.write(f"\033[2m{text}\033[0m" if self.dims and stream is sys.stderr else text)
        stream.flush()

    def _width(self, stream: TextIO) -> int:
        """The columns of a terminal at this moment; 0 if it is no terminal or its size is unknown."""
        if not self._wrap or not stream.isatty():
            return 0
        try:
            return os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            return 0
