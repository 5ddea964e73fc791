"""Documents of a corpus, read in bounded memory: lines, files, JSON lines, a column of Parquet."""

import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from litz.errors import ArgumentError, FormatError, UnsupportedError

# A document is held in memory whole, and this is how much of one line is.
LONGEST = 1 << 28


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus, and how they are divided into documents."""

    files: tuple[str, ...]
    field: str = "text"
    whole: bool = False  # a text file is one document

    def documents(self) -> Iterator[str]:
        """Every document that is not empty, in order."""
        for name in self.files:
            yield from filter(None, self._file(name))

    def size(self) -> int | None:
        """The bytes of all files together, where that says how long reading them takes."""
        if "-" in self.files or any(_kind(name) in (".gz", ".parquet") for name in self.files):
            return None
        return sum(Path(name).stat().st_size for name in self.files)

    def _file(self, name: str) -> Iterator[str]:
        plain = name.removesuffix(".gz")
        if _kind(name) == ".parquet":
            yield from self._column(name)
            return
        with _opened(name) as file:
            if self.whole and _kind(plain) != ".jsonl":
                yield _text(file.read(), name)
                return
            for number, line in enumerate(_lines(file, name), 1):
                if _kind(plain) == ".jsonl":
                    yield self._member(line, f"{name}:{number}")
                else:
                    yield _text(line, f"{name}:{number}")

    def _member(self, line: bytes, where: str) -> str:
        if not line.strip():
            return ""
        try:
            value: Any = json.loads(line)
        except ValueError as error:
            raise FormatError(f"{where}: not JSON: {error}") from error
        found = value.get(self.field) if isinstance(value, dict) else None
        if not isinstance(found, str):
            raise FormatError(f"{where}: found no text {self.field!r}; --field names the member that has it")
        return found

    def _column(self, name: str) -> Iterator[str]:
        try:
            from pyarrow import parquet  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise UnsupportedError(f"{name}: reading Parquet needs pyarrow: pip install pyarrow") from None
        file = parquet.ParquetFile(name)
        if self.field not in file.schema_arrow.names:
            raise ArgumentError(f"{name} has no column {self.field!r}; it has {', '.join(file.schema_arrow.names)}")
        for batch in file.iter_batches(batch_size=1024, columns=[self.field]):
            for value in batch.column(0).to_pylist():
                if value is not None and not isinstance(value, str):
                    raise FormatError(f"{name}: column {self.field!r} holds {type(value).__name__}, expected text")
                yield value or ""


def _kind(name: str) -> str:
    return Path(name).suffix.lower()


def _opened(name: str) -> BinaryIO:
    if name == "-":
        if sys.stdin is None:
            raise ArgumentError("standard input is closed: name a file")
        return sys.stdin.buffer
    return gzip.open(name, "rb") if _kind(name) == ".gz" else Path(name).open("rb")  # type: ignore[return-value]


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    while line := file.readline(LONGEST):
        if len(line) == LONGEST:
            raise ArgumentError(f"{name} has a line of more than {LONGEST >> 20} MiB; split it")
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{where}: not UTF-8: {error.reason} at byte {error.start}") from error
