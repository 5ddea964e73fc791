"""Errors of the disk that holds a cache, as FileAccessError with what to do."""

import errno
from pathlib import Path

from litz.errors import FileAccessError
from litz.hub.network_errors import chain

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_REFUSED = (errno.EACCES, errno.EPERM)


def disk_error(error: BaseException, caches: dict[str, Path]) -> FileAccessError | None:
    """The error to raise if the disk is the reason; `caches` are folders by the variable that moves them.

    Names of files are left out: those of unfinished downloads mean nothing to a user.
    """
    for link in chain(error):
        if not isinstance(link, OSError):
            continue
        variable, folder = _place(link, caches)
        move = f"set {variable} to a folder on another disk"
        if link.errno in _FULL:
            return FileAccessError(f"No space left on the disk of {folder}: free some, or {move}")
        if link.errno == errno.EROFS:
            return FileAccessError(f"{folder} is on a disk that is mounted read-only: {move}")
        if link.errno in _REFUSED and link.filename is not None:  # without a file it is an error of a socket
            return FileAccessError(
                f"no permission to write to {folder}: change that, or set {variable} to a folder of yours"
            )
        if link.errno == errno.EFBIG:
            return FileAccessError(
                f"{folder} takes no file of this size (a limit as of `ulimit -f`, or its disk's): {move}"
            )
        if link.filename is not None and _within(link, caches):
            return FileAccessError(f"cannot write to {folder}: {link.strerror}; set {variable} to a folder of yours")
    return None


def _within(error: OSError, caches: dict[str, Path]) -> bool:
    named = Path(str(error.filename))
    return any(named == folder or folder in named.parents or named in folder.parents for folder in caches.values())


def _place(error: OSError, caches: dict[str, Path]) -> tuple[str, Path]:
    """The variable and the folder of the error; the first ones if its file is in none of them."""
    for variable, folder in caches.items():
        if error.filename is not None and _within(error, {variable: folder}):
            return variable, folder
    return next(iter(caches.items()))
