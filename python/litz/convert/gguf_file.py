"""GGUF files as they are written: typed keys in order, then where each tensor lies, then the tensors."""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

ALIGNMENT = 32
_VERSION = 3


class Kind(IntEnum):
    """The types of values, by the codes of the format."""

    U32 = 4
    I32 = 5
    F32 = 6
    BOOL = 7
    TEXT = 8
    ARRAY = 9


# Numbers of the format, of the dtypes that a checkpoint's matrices have
CODES = {"F32": 0, "F16": 1, "BF16": 30}
_SIZES = {"F32": 4, "F16": 2, "BF16": 2}
_PACKED = {Kind.U32: "I", Kind.I32: "i", Kind.F32: "f", Kind.BOOL: "?"}


@dataclass(frozen=True)
class Entry:
    """One key of the header with its type and value, encoded already."""

    key: str
    kind: Kind
    payload: bytes

    def encoded(self) -> bytes:
        """The entry as the file has it."""
        return _text(self.key) + struct.pack("<I", self.kind) + self.payload


def number(key: str, value: int) -> Entry:
    """An unsigned integer of 32 bits."""
    return Entry(key, Kind.U32, struct.pack("<I", value))


def real(key: str, value: float) -> Entry:
    """A number in single precision."""
    return Entry(key, Kind.F32, struct.pack("<f", value))


def flag(key: str, value: bool) -> Entry:
    """A Boolean."""
    return Entry(key, Kind.BOOL, struct.pack("<?", value))


def text(key: str, value: str) -> Entry:
    """A text in UTF-8."""
    return Entry(key, Kind.TEXT, _text(value))


def texts(key: str, values: Sequence[str]) -> Entry:
    """An array of texts."""
    return _array(key, Kind.TEXT, len(values), b"".join(map(_text, values)))


def integers(key: str, values: Sequence[int]) -> Entry:
    """An array of signed integers of 32 bits."""
    return _array(key, Kind.I32, len(values), struct.pack(f"<{len(values)}{_PACKED[Kind.I32]}", *values))


def reals(key: str, values: Sequence[float]) -> Entry:
    """An array of numbers in single precision."""
    return _array(key, Kind.F32, len(values), struct.pack(f"<{len(values)}{_PACKED[Kind.F32]}", *values))


def _array(key: str, kind: Kind, count: int, items: bytes) -> Entry:
    return Entry(key, Kind.ARRAY, struct.pack("<IQ", kind, count) + items)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


@dataclass(frozen=True)
class Tensor:
    """A tensor to be written; `read` makes its bytes when it is its turn, in `dtype`, rows one after the other."""

    name: str
    dtype: str
    shape: tuple[int, ...]  # outermost first
    read: Callable[[], bytes]

    @property
    def nbytes(self) -> int:
        """The size of its data."""
        size = _SIZES[self.dtype]
        for length in self.shape:
            size *= length
        return size


def header(entries: Sequence[Entry], tensors: Sequence[Tensor]) -> bytes:
    """Everything before the first tensor's data, filled up to the alignment."""
    parts = [b"GGUF", struct.pack("<IQQ", _VERSION, len(tensors), len(entries))]
    parts += (entry.encoded() for entry in entries)
    offset = 0
    for tensor in tensors:
        sizes = tensor.shape[::-1]  # innermost first
        place = struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, CODES[tensor.dtype], offset)
        parts.append(_text(tensor.name) + place)
        offset += _padded(tensor.nbytes)
    made = b"".join(parts)
    return made + bytes(_padded(len(made)) - len(made))


def write(file: BinaryIO, entries: Sequence[Entry], tensors: Iterable[Tensor]) -> None:
    """The whole file, with no more than one tensor in memory."""
    every = list(tensors)
    file.write(header(entries, every))
    for tensor in every:
        data = tensor.read()
        if len(data) != tensor.nbytes:
            raise AssertionError(f"{tensor.name}: {len(data)} bytes, expected {tensor.nbytes}")
        file.write(data)
        file.write(bytes(_padded(len(data)) - len(data)))


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
