"""Messages read from a terminal."""

import contextlib
import sys
from collections.abc import Callable
from types import TracebackType

_QUOTES = '"""'


class Reader:
    """Reads messages from a terminal: a trailing backslash continues, three quotes open and close a block."""

    has_keys = False  # whether Ctrl-C and Ctrl-D are keys, that end the line which they are typed in

    def __init__(self, prompt: str = ">>> ", more: str = "... ") -> None:
        self._prompt = prompt
        self._more = more
        self._begun = False
        self._typed: Callable[[], str] = str
        with contextlib.suppress(ImportError):
            import readline  # importing it gives input() a history and keys

            self._typed = readline.get_line_buffer

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restores the terminal."""

    def released(self) -> contextlib.AbstractContextManager[None]:
        """A block in which another program, such as an editor, has the terminal."""
        return contextlib.nullcontext()

    def read(self) -> str | None:
        """One message; None at the end of the input. Ctrl-C discards a line, and raises KeyboardInterrupt on none."""
        self._begun = False
        try:
            return self._message()
        except KeyboardInterrupt:
            if not self._begun and not self._typed():
                raise
            print(file=sys.stderr)
            return ""

    def _message(self) -> str | None:
        text = self._line(self._prompt)
        if text is None:
            return None
        self._begun = True
        while text.endswith("\\") or is_open(text):
            following = self._line(self._more)
            if following is None:
                break
            text = (text if is_open(text) else text.removesuffix("\\")) + "\n" + following
        return without_quotes(text)

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


def is_open(text: str) -> bool:
    """Whether a block that three quotes opened still lacks its end."""
    text = text.strip()
    return text.startswith(_QUOTES) and (len(text) < 2 * len(_QUOTES) or not text.endswith(_QUOTES))


def without_quotes(text: str) -> str:
    """A message without the three quotes around it, if they are there."""
    stripped = text.strip()
    if not stripped.startswith(_QUOTES):
        return text
    return stripped[len(_QUOTES) :].removesuffix(_QUOTES).strip("\n")
