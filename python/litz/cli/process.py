"""The process of the `litz` command: runs one command and exits without tearing the interpreter down."""

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
        with contextlib.suppress(Exception):  # closed, or a pipe without a reader: the command has ended anyway
            stream.flush()
    os._exit(code)
