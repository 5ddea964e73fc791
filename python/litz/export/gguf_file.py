"""Writing GGUF version 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from litz.errors import FormatError

_U32, _TEXT = 4, 8
# The codes of ggml.h.
GGML_TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
    "Q5_K": 13, "Q6_K": 14, "IQ2_XXS": 16, "IQ2_XS": 17, "IQ3_XXS": 18, "IQ1_S": 19, "IQ4_NL": 20, "IQ3_S": 21,
    "IQ2_S": 22, "IQ4_XS": 23, "I8": 24, "I16": 25, "I32": 26, "I64": 27, "F64": 28, "IQ1_M": 29, "BF16": 30,
    "TQ1_0": 34, "TQ2_0": 35, "MXFP4": 39, "NVFP4": 40, "Q1_0": 41,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A tensor of the table; the shape is outermost first, as torch has it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


def u32(value: int) -> bytes:
    """A metadata value as a header stores it after its key."""
    return struct.pack("<II", _U32, value)


class GgufLayout:
    """Where everything of a file will be: the header's bytes and the file's size, known before a tensor is written."""

    def __init__(self, metadata: Mapping[str, bytes], tensors: Iterable[Row], *, alignment: int = 32) -> None:
        self.tensors = tuple(tensors)
        self.alignment = alignment
        self.header = self._padded(b"".join(self._header(metadata)))
        self.size = len(self.header) + sum(self._space(row.nbytes) for row in self.tensors)

    def _header(self, metadata: Mapping[str, bytes]) -> Iterator[bytes]:
        yield struct.pack("<4sIQQ", b"GGUF", 3, len(self.tensors), len(metadata))
        for key, value in metadata.items():
            yield _text(key) + value
        offset = 0
        for row in self.tensors:
            sizes = row.shape[::-1]
            yield _text(row.name)
            yield struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, GGML_TYPES[row.dtype], offset)
            offset += self._space(row.nbytes)

    def _space(self, nbytes: int) -> int:
        return nbytes + -nbytes % self.alignment

    def _padded(self, data: bytes) -> bytes:
        return data + bytes(-len(data) % self.alignment)

    def write(self, out: BinaryIO, pieces: Iterable[tuple[Row, Iterable[bytes]]]) -> None:
        """Write the header and every tensor's bytes, in the layout's order; FormatError if their sizes are others."""
        out.write(self.header)
        for expected, (row, parts) in zip(self.tensors, pieces, strict=True):
            written = 0
            for part in parts:
                out.write(part)
                written += len(part)
            if row != expected or written != row.nbytes:
                raise FormatError(f"the tensor {row.name!r} has {written} bytes; the header says {expected.nbytes}")
            out.write(bytes(-written % self.alignment))


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded
