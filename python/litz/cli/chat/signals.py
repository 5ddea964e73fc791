"""Signals during a conversation: Ctrl-C interrupts the answer; SIGTERM, SIGHUP and SIGQUIT end the conversation."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))


class Terminated(SystemExit):
    """A signal that ends this process was received; the exit code is 128 plus its number, as in shells."""


class Interrupts:
    """The blocks in which Ctrl-C acts. Pressed several times it interrupts once; pressed early, the next action.

    Outside of `handled()`, and in other threads than the first, everything is as Python has it.
    """

    def __init__(self) -> None:
        self._armed = False
        self._pending = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Take over the signals of this process until the end of the block."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
        for number, handler in before.items():
            if handler in (signal.default_int_handler, signal.SIG_DFL):
                signal.signal(number, self._interrupt if number == signal.SIGINT else _end)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Ctrl-C is KeyboardInterrupt in this block."""
        self._armed = True
        try:
            if self._pending:
                raise KeyboardInterrupt
            yield
        finally:
            self._armed = self._pending = False

    def clear(self) -> None:
        """Discards earlier presses of Ctrl-C."""
        self._pending = False

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise KeyboardInterrupt
        self._pending = True


def _end(number: int, frame: FrameType | None) -> None:
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)  # the rest is short, and the same signal must not interrupt it
    if number == getattr(signal, "SIGHUP", None):
        _detach()
    raise Terminated(128 + number)


def _detach() -> None:
    """Redirects output to the null device where the terminal has been closed."""
    import termios

    try:
        termios.tcgetattr(0)
    except termios.error:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
