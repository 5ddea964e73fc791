"""A progress bar on stderr: only on a terminal, only for what takes over a second, gone when it is done."""

import os
import sys
import time


class Progress:
    """Call `update(done)` as often as you like; `close()` clears the line. The total may become known later."""

    def __init__(self, label: str, total: int | None = None) -> None:
        self.label = label
        self.total = total
        self._started = time.monotonic()
        self._drawn = 0.0
        self._enabled = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def update(self, done: int) -> None:
        """Draw, at most ten times a second and never in the first."""
        now = time.monotonic()
        if not self._enabled or now - self._started < 1 or now - self._drawn < 0.1:
            return
        self._drawn = now
        rate = done / (now - self._started)
        width = _columns()
        line = f"{self.label}  {self._figures(done, rate)}"
        sys.stderr.write("\r" + line[: width - 1].ljust(width - 1))
        sys.stderr.flush()

    def _figures(self, done: int, rate: float) -> str:
        if not self.total or done > self.total:
            return f"{size(done)}  {size(rate)}/s"
        filled = round(20 * done / self.total)
        left = f"{(self.total - done) / rate:.0f} s left" if rate > 0 else ""
        return f"[{'#' * filled}{'.' * (20 - filled)}] {size(done)} of {size(self.total)}  {size(rate)}/s  {left}"

    def close(self) -> None:
        """Leave a clean line behind."""
        if self._drawn:
            sys.stderr.write("\r" + " " * (_columns() - 1) + "\r")
            sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80  # a terminal without a size says 0
    except OSError:
        return 80


def size(count: float) -> str:
    """`98 MB`: decimal units, two digits where that says more."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
