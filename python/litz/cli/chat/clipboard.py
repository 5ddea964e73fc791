"""The clipboard: a program of the desktop where there is one, else the terminal's own, by escape sequence."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import TextIO

from litz.errors import ArgumentError, UnsupportedError

# What terminals take in one sequence: xterm's limit, which others follow.
MOST = 74_994
_SECONDS = 5


def program(environ: Mapping[str, str]) -> list[str] | None:
    """The command that fills this desktop's clipboard; None where there is none, or the screen is remote."""
    if environ.get("SSH_TTY") or environ.get("SSH_CONNECTION"):
        return None
    candidates = [["pbcopy"], ["clip.exe"]]
    if environ.get("DISPLAY"):
        candidates = [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"], *candidates]
    if environ.get("WAYLAND_DISPLAY"):
        candidates = [["wl-copy"], *candidates]
    return next((command for command in candidates if shutil.which(command[0])), None)


def copy(text: str, terminal: TextIO) -> str:
    """Copies a text to the clipboard; returns the way. UnsupportedError says what is missing."""
    failed = ""
    command = program(os.environ)
    if command is not None:
        failed = _run(command, text)
        if not failed:
            return f"with {command[0]}"
    if not terminal.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "linux"):
        raise UnsupportedError(
            f"{failed or 'there is no clipboard here'}: install wl-copy, xclip or xsel, or use /save FILE"
        )
    encoded = base64.b64encode(text.encode()).decode("ascii")
    if len(encoded) > MOST:
        raise ArgumentError(f"{len(text):,} characters are more than a terminal's clipboard takes; use /save FILE")
    terminal.write(f"\033]52;c;{encoded}\a")
    terminal.flush()
    return "through the terminal (OSC 52); if nothing can be pasted, this terminal does not allow it"


def _run(command: list[str], text: str) -> str:
    """The error, or an empty text."""
    data = text.encode("utf-16-le") if command[0] == "clip.exe" else text.encode()
    quiet = subprocess.DEVNULL  # wl-copy and xclip keep running and would hold a pipe open
    try:
        code = subprocess.run(command, input=data, stdout=quiet, stderr=quiet, timeout=_SECONDS, check=False).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} failed ({type(error).__name__})"
    return f"{command[0]} failed with code {code}" if code else ""


def terminal_stream() -> TextIO:
    """Where an escape sequence reaches the screen: standard error if that is the terminal, else standard output."""
    return sys.stderr if sys.stderr.isatty() else sys.stdout
