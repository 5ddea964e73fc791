"""The terminal: answers go to stdout, everything else to stderr, and nothing that a model says can command it."""

import contextlib
import io
import os
import sys

from litz.errors import FileAccessError

_CONTROL = {code: None for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\n\t"}


def clean(text: str) -> str:
    """Without control characters (escape sequences, carriage returns, C1 codes), save newline and tab."""
    return text.translate(_CONTROL)


class Closed(io.TextIOBase):
    """Stands for standard output that the parent closed: what is written there is an error in plain words."""

    def write(self, text: str) -> int:
        """FileAccessError for any text."""
        raise FileAccessError("standard output is closed: nothing can be shown; redirect it to a file or /dev/null")


def with_streams() -> None:
    """Gives a process that was started without standard output or error something in their place."""
    if sys.stdout is None:
        sys.stdout = Closed()
    if sys.stderr is None:  # or print() would write what belongs there to standard output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


class Console:
    """Writes answers as they come and notes beside them; dimmed where there is a terminal that wants colour."""

    def __init__(self) -> None:
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        self.watched = sys.stderr.isatty()
        self._dim = self.watched and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._middle = False

    def write(self, text: str) -> None:
        """A piece of an answer, at once."""
        text = clean(text)
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._middle = not text.endswith("\n")

    def end(self) -> None:
        """The end of an answer: the next output begins on a line of its own."""
        if self._middle:
            self.write("\n")

    def note(self, text: str) -> None:
        """A remark that is not part of the answer."""
        self.end()
        text = clean(text)
        print(f"\033[2m{text}\033[0m" if self._dim else text, file=sys.stderr, flush=True)


class Reader:
    """Reads messages from a terminal: a trailing backslash continues, three quotes open and close a block."""

    def __init__(self, prompt: str = ">>> ", more: str = "... ") -> None:
        self._prompt = prompt
        self._more = more
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  importing it gives input() a history and keys

    def read(self) -> str | None:
        """One message; None at the end of the input. Ctrl-C raises KeyboardInterrupt and drops what was typed."""
        line = self._line(self._prompt)
        if line is None:
            return None
        if line.lstrip().startswith('"""'):
            return self._block(line.lstrip()[3:])
        lines = [line]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            following = self._line(self._more)
            if following is None:
                break
            lines.append(following)
        return "\n".join(lines)

    def _block(self, first: str) -> str:
        lines: list[str] = []
        line: str | None = first
        while line is not None and not line.rstrip().endswith('"""'):
            lines.append(line)
            line = self._line(self._more)
        if line is not None:
            lines.append(line.rstrip()[:-3])
        return "\n".join(lines).strip("\n")

    def _line(self, prompt: str) -> str | None:
        try:
            if sys.stdout.isatty():
                return input(prompt)
            sys.stderr.write(prompt)  # input() would write it into the pipe
            sys.stderr.flush()
            line = sys.stdin.readline()
        except EOFError:
            return None
        return line.removesuffix("\n") if line else None
