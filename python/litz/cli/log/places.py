"""Paths of the log, and whether logging is on: imported by every chat, so nothing else is here."""

from pathlib import Path


def log_path() -> Path:
    """The database of conversations."""
    return _folder() / "log.db"


def is_on() -> bool:
    """Whether every conversation is logged."""
    return _mark().exists()


def switch(on: bool) -> None:
    """Log from now on, or no longer; what is logged stays."""
    if on:
        make_state_folder()
        _mark().touch(mode=0o600)
    else:
        _mark().unlink(missing_ok=True)


def make_state_folder() -> Path:
    """The folder of the log, made with mode 0700."""
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _mark() -> Path:
    return _folder() / "log-on"


def _folder() -> Path:
    from litz.hub.locations import litz_state

    return litz_state()
