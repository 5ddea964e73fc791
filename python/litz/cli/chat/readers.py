"""Which reader a conversation reads from: the line editor where the terminal has one, else plain lines."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from litz.cli.chat.reader import Reader

if TYPE_CHECKING:
    from litz.cli.chat.line_editor import LineEditor


def open_reader(*, keep: bool, warn: Callable[[str], None]) -> Reader:
    """The best reader for this terminal; without `keep` or with LITZ_NO_HISTORY=1 no history is read or written."""
    editor = _line_editor() if _edits() else None
    if editor is None:
        return Reader()
    from litz.cli.chat.history import History
    from litz.hub.locations import is_true, litz_state

    keep = keep and not is_true(os.environ, "LITZ_NO_HISTORY")
    return editor(History(litz_state() / "history") if keep else None, warn)


def _edits() -> bool:
    """Whether lines can be edited here: in a terminal that is not dumb, both ways."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _line_editor() -> "type[LineEditor] | None":
    try:
        from litz.cli.chat.line_editor import LineEditor
    except ImportError:  # no prompt_toolkit, or no POSIX terminal
        return None
    return LineEditor
