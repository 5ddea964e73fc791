"""The contents of a GGUF file before it is written: keys with typed values, and tensors that are read one by one."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """The types of values, by the codes of the format."""

    U32 = 4
    I32 = 5
    F32 = 6
    BOOL = 7
    TEXT = 8
    ARRAY = 9


FLOATS = {"F32": 4, "F16": 2, "BF16": 2}
"""The dtypes that matrices keep, with their bytes."""
_PACKED = {Kind.U32: "I", Kind.I32: "i", Kind.F32: "f", Kind.BOOL: "?"}


@dataclass(frozen=True)
class Entry:
    """One key of the header; `value` is what stands after it: the code of its type and its bytes."""

    key: str
    value: bytes


def _entry(key: str, kind: Kind, payload: bytes) -> Entry:
    return Entry(key, struct.pack("<I", kind) + payload)


def number(key: str, value: int) -> Entry:
    """An unsigned integer of 32 bits."""
    return _entry(key, Kind.U32, struct.pack("<I", value))


def real(key: str, value: float) -> Entry:
    """A number in single precision."""
    return _entry(key, Kind.F32, struct.pack("<f", value))


def flag(key: str, value: bool) -> Entry:
    """A Boolean."""
    return _entry(key, Kind.BOOL, struct.pack("<?", value))


def text(key: str, value: str) -> Entry:
    """A text in UTF-8."""
    return _entry(key, Kind.TEXT, _text(value))


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
    return _entry(key, Kind.ARRAY, struct.pack("<IQ", kind, count) + items)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


@dataclass(frozen=True)
class Tensor:
    """A tensor to be written; `read` returns its bytes when it is written, in `dtype`, rows one after the other."""

    name: str
    dtype: str
    shape: tuple[int, ...]  # outermost first
    read: Callable[[], bytes]

    @property
    def nbytes(self) -> int:
        """The size of its data."""
        size = FLOATS[self.dtype]
        for length in self.shape:
            size *= length
        return size
