"""The history of typed lines: a file that several processes append to."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

ENTRIES = 1000
ENTRY_BYTES = 1 << 16
FILE_BYTES = 1 << 20


class History:
    """Entries in a file, one JSON string a line, the newest last; the file is for its owner alone.

    It holds at most about FILE_BYTES: once it is larger, the newest ENTRIES that fit half of it are kept. Lines that
    are damaged are skipped, and a text of more than ENTRY_BYTES is not kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[str]:
        """The newest entries, oldest first; none if there is no file. OSError if there is one that cannot be read."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * FILE_BYTES))
                return _entries(file.read())
        except FileNotFoundError:
            return []

    def append(self, text: str) -> None:
        """Add an entry. OSError if the file cannot be written."""
        line = _line(text)
        if len(line) > ENTRY_BYTES:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked() as file:
            size = file.seek(0, os.SEEK_END)
            if size and _last_byte(file, size) != b"\n":
                line = b"\n" + line  # the last line of the file is incomplete: this one begins on a new line
            file.write(line)
            file.flush()
            if size + len(line) > FILE_BYTES:
                self._shorten(file)

    def _shorten(self, file: BinaryIO) -> None:
        file.seek(0)
        kept: list[bytes] = []
        room = FILE_BYTES // 2
        for text in reversed(_entries(file.read())):
            line = _line(text)
            room -= len(line)
            if room < 0:
                break
            kept.append(line)
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as shorter:
            shorter.writelines(reversed(kept))
        scratch.replace(self.path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, open for appending, that no other process writes meanwhile."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with open(descriptor, "r+b", buffering=0) as file:
                _lock(descriptor)
                if not self._is_at_path(descriptor):
                    continue  # another process put a shorter file in its place meanwhile
                with contextlib.suppress(OSError, AttributeError):
                    os.fchmod(descriptor, 0o600)
                yield file
                return

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _last_byte(file: BinaryIO, size: int) -> bytes:
    file.seek(size - 1)
    return file.read(1)


def _line(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _entries(content: bytes) -> list[str]:
    found: list[str] = []
    for line in content.split(b"\n"):
        with contextlib.suppress(ValueError, RecursionError):
            text = json.loads(line)
            if isinstance(text, str) and text:
                found.append(text)
    return found[-ENTRIES:]
