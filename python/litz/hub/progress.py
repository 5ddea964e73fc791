"""A progress bar on stderr: only on a terminal, only for what takes over a second."""

import os
import sys
import time
from collections.abc import Callable


class Progress:
    """Call `update(done)` as often as you like. The total may become known later.

    `finish()` leaves the bar at 100 %; `close()` clears the line of a bar that got no further.
    """

    def __init__(self, label: str, total: int | None = None, *, shown: Callable[[float], str] | None = None) -> None:
        self.label = label
        self.total = total
        self._shown = shown or size  # of what is counted: bytes, unless it is said
        self._started = time.monotonic()
        self._drawn = 0.0
        self._done = 0
        self._enabled = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def update(self, done: int) -> None:
        """Draws the bar, at most ten times a second and not in the first second."""
        now = time.monotonic()
        if not self._enabled or now - self._started < 1 or now - self._drawn < 0.1:
            return
        self._drawn = now
        self._done = max(self._done, done)
        self._draw(self._figures(done, done / (now - self._started)))

    def finish(self) -> None:
        """Draws the bar at 100 % and leaves it."""
        if not self._drawn:
            return
        self.total = max(self.total or 0, self._done)
        self._draw(self._figures(self.total, self.total / (time.monotonic() - self._started)))
        sys.stderr.write("\n")
        self._drawn = 0.0

    def _figures(self, done: int, rate: float) -> str:
        if not self.total:
            return f"{self._shown(done)}  {self._shown(rate)}/s"
        share = min(1.0, done / self.total)
        filled = int(20 * share)
        left = f"{(self.total - done) / rate:.0f} s left" if rate > 0 and done < self.total else ""
        bar = f"[{'#' * filled}{'.' * (20 - filled)}] {int(100 * share):>3} %"
        return f"{bar}  {self._shown(done)} of {self._shown(self.total)}  {self._shown(rate)}/s  {left}"

    def _draw(self, figures: str) -> None:
        width = _columns()
        sys.stderr.write("\r" + f"{self.label}  {figures}"[: width - 1].ljust(width - 1))
        sys.stderr.flush()

    def close(self) -> None:
        """Clears the line of an unfinished bar."""
        if self._drawn:
            sys.stderr.write("\r" + " " * (_columns() - 1) + "\r")
            sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80  # a terminal without a size reports 0
    except OSError:
        return 80


def size(count: float) -> str:
    """`98 MB`: decimal units, two digits where that says more."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
