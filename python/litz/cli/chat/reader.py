"""Messages read from a terminal."""

import contextlib
import sys


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
