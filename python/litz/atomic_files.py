"""Files written atomically: under a temporary name in the same folder, renamed when they are complete."""

import errno
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from litz.errors import FileAccessError


class AtomicFile:
    """A binary file to write in a `with` block: its end renames it, an exception leaves nothing.

    An OSError names the file, never its temporary name.
    """

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self.path = path
        self._mode = mode  # of the new file, less the umask
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
        self._file: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        try:
            self._file = open(self._temporary, "wb", opener=lambda path, flags: os.open(path, flags, self._mode))
        except OSError as error:
            raise self._about_path(error) from error
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        try:
            self._file.close()
            if kind is None:
                self._temporary.replace(self.path)
        except OSError as failed:
            raise self._about_path(failed) from failed
        finally:
            self._temporary.unlink(missing_ok=True)
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None
        if isinstance(error, OSError) and full:
            raise self._about_path(error) from error

    def _about_path(self, error: OSError) -> OSError:
        """The same error about the file that is meant, not about the temporary one."""
        return OSError(error.errno, error.strerror, str(self.path))


def write_text(path: Path, text: str) -> None:
    """Writes a file of text, and makes its folder if need be; FileAccessError says why it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with AtomicFile(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise FileAccessError(f"cannot write {path}: {error.strerror or error}") from error
