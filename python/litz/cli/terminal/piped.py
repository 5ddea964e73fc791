"""Standard input from a pipe or a file, read as one text."""

import os
import stat
import sys
from collections.abc import Callable

from litz.errors import ArgumentError

HELP = "what is piped in follows PROMPT after an empty line; without PROMPT it is the prompt"
SILENCE = 5.0  # seconds to wait for a pipe without data when there is a prompt already


def read_all() -> str:
    """All of standard input, nothing where it is closed; ArgumentError if it is no UTF-8."""
    if sys.stdin is None:
        return ""
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"standard input is no UTF-8 text: byte {error.start} is {error.object[error.start]:#x}"
        ) from error


def with_piped(prompt: str, note: Callable[[str], None]) -> str:
    """A prompt with what is piped in after it; `note` gets a remark where there is one."""
    text, remark = read_beside_prompt()
    if remark:
        note(remark)
    if not text.strip():
        return prompt
    return f"{prompt}\n\n{text}" if prompt.strip() else text


def read_beside_prompt() -> tuple[str, str | None]:
    """What is piped in beside a prompt, and a remark if a pipe sends nothing (some runners leave one open for ever)."""
    if sys.stdin is None or sys.stdin.isatty():
        return "", None
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # a stream that is no file of the system's, or is closed
        return "", None
    if stat.S_ISREG(kind):
        return read_all(), None
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return "", None
    if os.name == "posix":
        import select

        if not select.select([sys.stdin], [], [], SILENCE)[0]:
            return "", f"standard input is a pipe that said nothing for {SILENCE:.0f} seconds: answering without it"
    return read_all(), None
