"""A GGUF file with its matrices in another type."""

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from litz._core import TensorFile, available_threads
from litz.errors import ArgumentError, FileAccessError, UnsupportedError
from litz.export.gguf_file import GgufLayout, Row, u32
from litz.export.plan import Planned, narrowed, plan
from litz.export.schemes import Scheme
from litz.hub.progress import size

# Elements that are converted at a time, at least one row.
_PIECE = 1 << 22
# The keys of an importance matrix describe the old types only.
_DROPPED = "quantize.imatrix."
_QUANTIZATION_VERSION = 2


@dataclass(frozen=True)
class Quantized:
    """What was written."""

    tensors: dict[str, int]  # how many of each type
    bytes_before: int
    bytes_after: int
    seconds: float
    narrowed: tuple[str, ...]  # what did not fit into its type

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {dtype}" for dtype, count in self.tensors.items())
        sizes = f"{size(self.bytes_before)} became {size(self.bytes_after)}"
        remark = " (no smaller than before)" if self.bytes_after >= self.bytes_before else ""
        return f"{kinds}; {sizes} in {self.seconds:.1f} s{remark}"


class Job:
    """A file to quantise, planned when it is made: what cannot be done is refused before anything is written."""

    def __init__(self, source: Path, scheme: Scheme, *, requantize: bool = False) -> None:
        self._file = TensorFile(source)
        if self._file.format != "gguf":
            raise UnsupportedError(f"{source} is a {self._file.format} file; litz quantises GGUF files")
        header = self._file.metadata()
        self.planned = plan(self._file.tensors(), header, scheme)
        if not requantize:
            self._refuse_twice(source, scheme)
        rows = [Row(each.name, each.dtype, each.shape, each.bytes_after) for each in self.planned]
        alignment = int(header.get("general.alignment", 32))
        self.layout = GgufLayout(self._metadata(scheme), rows, alignment=alignment)

    def _refuse_twice(self, source: Path, scheme: Scheme) -> None:
        twice = [each for each in self.planned if each.twice]
        if twice:
            stored = ", ".join(dict.fromkeys(each.stored for each in twice))
            raise ArgumentError(
                f"{source} is quantised already: {len(twice)} of its tensors would go from {stored} to "
                f"{scheme.name} and lose a second time; quantise an F32, F16 or BF16 file of the model, or give "
                "--allow-requantize"
            )

    def _metadata(self, scheme: Scheme) -> dict[str, bytes]:
        metadata: dict[str, bytes] = {}
        for key in self._file.metadata_keys():
            value = self._file.metadata_bytes(key)
            if value is not None and not key.startswith(_DROPPED):
                metadata[key] = value
        metadata["general.file_type"] = u32(scheme.file_type)
        metadata["general.quantization_version"] = u32(_QUANTIZATION_VERSION)
        return metadata

    def check_space(self, folder: Path) -> None:
        """FileAccessError if the folder has no room for the file."""
        free = shutil.disk_usage(folder).free
        if free < self.layout.size:
            raise FileAccessError(f"{folder} has {size(free)} free; the file needs {size(self.layout.size)}")

    def write(self, out: BinaryIO, *, threads: int | None = None, advance: Callable[[int], None]) -> Quantized:
        """Write the file; `advance` gets the bytes of the source that are done, often."""
        started = time.monotonic()
        workers = threads or available_threads()
        self.layout.write(out, self._tensors(workers, advance))
        return Quantized(
            tensors=dict(Counter(each.dtype for each in self.planned).most_common()),
            bytes_before=self._file.size,
            bytes_after=self.layout.size,
            seconds=time.monotonic() - started,
            narrowed=tuple(narrowed(self.planned)),
        )

    def _tensors(self, threads: int, advance: Callable[[int], None]) -> Iterator[tuple[Row, Iterator[bytes]]]:
        done = 0
        for row, each in zip(self.layout.tensors, self.planned, strict=True):
            yield row, self._pieces(each, threads, done, advance)
            done += each.bytes_before

    def _pieces(self, each: Planned, threads: int, done: int, advance: Callable[[int], None]) -> Iterator[bytes]:
        columns = each.shape[-1] if each.shape else 1
        rows = math.prod(each.shape[:-1])
        step = max(1, _PIECE // columns)
        for first in range(0, rows, step):
            yield self._file.converted(each.name, each.dtype, first, min(step, rows - first), threads)
            advance(done + each.bytes_before * min(first + step, rows) // rows)
