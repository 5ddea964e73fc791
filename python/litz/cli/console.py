"""The terminal: answers go to stdout, everything else to stderr, and nothing that a model says can command it."""

import os
import sys

_CONTROL = {code: None for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\n\t"}


def clean(text: str) -> str:
    """Without control characters (escape sequences, carriage returns, C1 codes), save newline and tab."""
    return text.translate(_CONTROL)


def with_streams() -> None:
    """Gives a process that was started without standard output or error a place where what it says is lost."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
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
