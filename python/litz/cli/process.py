"""The process of the `litz` command: started for one command, and left at once when that has ended."""

import contextlib
import gc
import os
import sys
from typing import NoReturn

from litz.cli import main


def run() -> NoReturn:
    """Run the command that the arguments name, and leave with its exit code.

    Starting makes many objects and no garbage, so that passes over them are made rarer; and a process that leaves
    without taking its interpreter apart gives its memory back sooner. Every file of a command is closed by then.
    """
    gc.set_threshold(20_000, 20, 20)
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed, or a pipe that nobody reads: the command has said what it had to
            stream.flush()
    os._exit(code)
