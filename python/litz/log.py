"""Lines for the standard `logging`, under the logger `litz`: never with a token, or an address that holds one.

A line is made only if the program has imported `logging`: otherwise nothing could show it.
"""

import sys
from collections.abc import Callable


def info(name: str, text: str, *values: object) -> None:
    """A line of the logger `litz.NAME` at INFO, formatted only where a handler takes it."""
    if "logging" in sys.modules:
        import logging  # which waits where another thread is importing it

        logging.getLogger(f"litz.{name}").info(text, *values, stacklevel=2)


def debug(name: str, text: str, *values: object) -> None:
    """The same at DEBUG."""
    if "logging" in sys.modules:
        import logging

        logging.getLogger(f"litz.{name}").debug(text, *values, stacklevel=2)


def heard(notify: Callable[[str], None]) -> Callable[[str], None]:
    """`notify`, whose lines are logged too."""

    def both(line: str) -> None:
        info("hub", "%s", line)
        notify(line)

    return both
