"""A message written in the user's own editor."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litz.errors import ArgumentError, FormatError, UnsupportedError

_USUAL = ("nano", "vim", "vi", "notepad")


def command() -> list[str]:
    """VISUAL, EDITOR or a usual editor; UnsupportedError if that is missing."""
    for variable in ("VISUAL", "EDITOR"):
        named = os.environ.get(variable, "").strip()
        if not named:
            continue
        try:
            words = shlex.split(named, posix=os.name == "posix")
        except ValueError as error:
            raise ArgumentError(f"{variable}={named!r} is no command: {error}") from error
        if not shutil.which(words[0]):
            raise UnsupportedError(
                f"{variable} names {words[0]!r}, and there is no such program; set {variable} to one"
            )
        return words
    found = next((name for name in _USUAL if shutil.which(name)), None)
    if found is None:
        raise UnsupportedError("there is no editor: set EDITOR to one, as in EDITOR=nano")
    return [found]


def edited(text: str) -> str | None:
    """The text as the user edited it; None if it is unchanged or empty.

    The file is a temporary one that only its owner can read, and is removed afterwards.
    """
    words = command()
    handle, name = tempfile.mkstemp(prefix="litz-", suffix=".md")  # mode 0600
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(f"{text}\n" if text else "")
        with _interrupts_for_the_editor():
            screen = None if os.isatty(1) else 2  # answers may go to a file, an editor may not
            code = subprocess.run([*words, name], stdout=screen, check=False).returncode
        if code:
            raise ArgumentError(f"{words[0]} ended with code {code}, so nothing was sent")
        after = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{words[0]} saved no UTF-8 text (byte {error.start}), so nothing was sent") from error
    except FileNotFoundError:
        raise ArgumentError(f"{words[0]} removed the file, so nothing was sent") from None
    finally:
        path.unlink(missing_ok=True)
    after = after.strip("\n")
    return None if after == text.strip("\n") or not after.strip() else after


@contextmanager
def _interrupts_for_the_editor() -> Iterator[None]:
    """Ctrl-C goes to the editor while it runs. A child would inherit that a signal is ignored, but no handler."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
