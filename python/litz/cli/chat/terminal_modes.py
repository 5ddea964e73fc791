"""The terminal's modes while an answer is written: keys are not echoed, and are kept for the next prompt."""

import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_LOCAL = 3
_PASTE_ON, _PASTE_OFF = "\033[?2004h", "\033[?2004l"


class Modes:
    """Saves a terminal's modes, and restores them when it is closed.

    Meanwhile typed keys are neither echoed nor line-buffered: the next prompt reads them one by one, a paste as one.
    Ctrl-C, Ctrl-\\ and Ctrl-Z are signals as ever. `resumed` is called when the process continues after Ctrl-Z.
    """

    def __init__(self, resumed: Callable[[], bool]) -> None:
        self._terminal = sys.stdin.fileno()
        self._before: list[Any] = termios.tcgetattr(self._terminal)
        self._resumed = resumed
        self._handlers = {
            signal.SIGCONT: signal.signal(signal.SIGCONT, self._continue),
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._stop),
        }
        self.hide_keys()

    def hide_keys(self) -> None:
        """Stops echoing keys."""
        with contextlib.suppress(termios.error):  # the terminal was closed, which a signal reports
            modes = termios.tcgetattr(self._terminal)
            modes[0] &= ~termios.ICRNL
            modes[_LOCAL] &= ~(termios.ECHO | termios.ICANON)
            modes[_LOCAL] |= termios.ISIG
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._terminal, termios.TCSANOW, modes)
        sys.stdout.write(_PASTE_ON)
        sys.stdout.flush()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """The saved modes within a block, for another program on this terminal."""
        self._restore()
        try:
            yield
        finally:
            self.hide_keys()

    def close(self) -> None:
        """Restores the saved modes."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        with contextlib.suppress(termios.error, OSError):  # the terminal may be closed
            self._restore()

    def _restore(self) -> None:
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)
        sys.stdout.write(_PASTE_OFF)
        sys.stdout.flush()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Restores the saved modes before a stop: not every shell sets its own."""
        self._restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._stop)
        self._continue(number, frame)

    def _continue(self, number: int, frame: FrameType | None) -> None:
        """After a stop the terminal has the shell's modes: sets those of this process again."""
        with contextlib.suppress(termios.error, OSError):
            if os.tcgetpgrp(self._terminal) == os.getpgrp() and not self._resumed():
                self.hide_keys()
