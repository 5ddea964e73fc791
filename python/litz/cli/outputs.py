"""Files that are there when they are whole: written beside their place and renamed at the end."""

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO


class Output:
    """A file in the making; leaving the block puts it in its place, an exception leaves nothing."""

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self.path = path
        self._mode = mode  # of the new file, less the umask
        self._scratch = path.with_name(f".{path.name}.{os.getpid()}")
        self._file: BinaryIO | None = None

    def __enter__(self) -> BinaryIO:
        try:
            self._file = open(self._scratch, "wb", opener=lambda path, flags: os.open(path, flags, self._mode))
        except OSError as error:
            raise self._about_place(error) from error
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        try:
            self._file.close()
            if kind is None:
                self._scratch.replace(self.path)
        except OSError as failed:
            raise self._about_place(failed) from failed
        finally:
            self._scratch.unlink(missing_ok=True)
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None
        if isinstance(error, OSError) and full:
            raise self._about_place(error) from error

    def _about_place(self, error: OSError) -> OSError:
        """The same error about the file that is meant, not about the temporary one."""
        return OSError(error.errno, error.strerror, str(self.path))
