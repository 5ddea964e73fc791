"""Log lines on stderr: `--verbose` or LITZ_LOG=info, and LITZ_LOG=debug for more."""

import os
import sys

from litz.errors import ArgumentError

LEVELS = ("debug", "info", "warning", "error")


def configure(verbose: bool) -> None:
    """Shows litz's log lines of the requested level and above; `--verbose` counts before LITZ_LOG."""
    requested = "info" if verbose else os.environ.get("LITZ_LOG", "").strip().lower()
    if not requested:
        return
    if requested not in LEVELS:
        raise ArgumentError(f"LITZ_LOG={requested}: choose one of {', '.join(LEVELS)}")
    import logging

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("litz")
    logger.addHandler(handler)
    logger.setLevel(requested.upper())
