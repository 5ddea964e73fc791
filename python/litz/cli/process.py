"""The process of the `litz` command: runs one command and exits without finalizing the interpreter."""

import contextlib
import gc
import os
import sys
from typing import NoReturn

from litz.cli import main


def run() -> NoReturn:
    """Runs the command that the arguments name, and exits with its exit code.

    Starting allocates many objects and no garbage, so garbage collections are made rarer. A process that exits without
    finalizing its interpreter releases its memory sooner. Every file of a command is closed by then.
    """
    gc.set_threshold(20_000, 20, 20)
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed, or a pipe without a reader: the command has ended anyway
            stream.flush()
    os._exit(code)
