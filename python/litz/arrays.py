"""Lists and buffers as numpy arrays or torch tensors; each library is imported on first use."""

from types import ModuleType
from typing import Any, Literal, Protocol

from litz.errors import ArgumentError, MissingDependencyError

Kind = Literal["numpy", "torch"]


class Listable(Protocol):
    """The interface of an array of any library."""

    @property
    def shape(self) -> Any:
        """The lengths of its dimensions."""

    def tolist(self) -> Any:
        """The same as nested lists."""


def kind_of(value: Any) -> Kind:
    """The kind of results for a value: torch for torch tensors, numpy for anything else."""
    return "torch" if type(value).__module__.partition(".")[0] == "torch" else "numpy"


def integers(rows: Any, kind: Kind, *, shape: tuple[int, ...] | None = None) -> Any:
    """Nested lists of equal lengths as int64; MissingDependencyError without the library."""
    if kind == "torch":
        torch = _torch()
        made = torch.tensor(rows, dtype=torch.int64)
    else:
        numpy = _numpy()
        made = numpy.asarray(rows, dtype=numpy.int64)
    return made if shape is None else made.reshape(shape)


def natural(rows: Any, kind: Kind) -> Any:
    """Nested lists of equal lengths in the dtype that their numbers have, int64 if there are none."""
    library = _torch() if kind == "torch" else _numpy()
    made = library.tensor(rows) if kind == "torch" else library.asarray(rows)
    empty = made.numel() == 0 if kind == "torch" else made.size == 0
    if empty:
        return integers(rows, kind)
    if kind == "numpy" and made.dtype == object:
        raise ValueError("the rows are of several lengths")
    return made


def int64(buffer: bytearray, kind: Kind, *, shape: tuple[int, ...]) -> Any:
    """The buffer itself as int64 of that shape, without a copy."""
    if not buffer:
        return integers([], kind, shape=shape)
    if kind == "torch":
        torch = _torch()
        return torch.frombuffer(buffer, dtype=torch.int64).reshape(shape)
    numpy = _numpy()
    return numpy.frombuffer(buffer, dtype=numpy.int64).reshape(shape)


def flat(ids: bytearray, offsets: bytearray) -> tuple[Any, Any]:
    """Two buffers as numpy arrays, of uint32 and of int64, without a copy."""
    numpy = _numpy()
    return numpy.frombuffer(ids, dtype=numpy.uint32), numpy.frombuffer(offsets, dtype=numpy.int64)


def joined(rows: list[list[int]]) -> tuple[Any, Any]:
    """All rows in one numpy array of uint32, and where each begins, of int64."""
    numpy = _numpy()
    offsets = numpy.zeros(len(rows) + 1, dtype=numpy.int64)
    numpy.cumsum([len(row) for row in rows], out=offsets[1:])
    return numpy.asarray([id for row in rows for id in row], dtype=numpy.uint32), offsets


def floats(buffer: bytearray, kind: Kind, *, shape: tuple[int, ...]) -> Any:
    """The buffer itself as float32 of that shape, without a copy."""
    if kind == "torch":
        torch = _torch()
        return torch.frombuffer(buffer, dtype=torch.float32).reshape(shape)
    numpy = _numpy()
    return numpy.frombuffer(buffer, dtype=numpy.float32).reshape(shape)


def float_bytes(value: Any) -> tuple[bytes, tuple[int, ...]]:
    """Numbers of any kind as little-endian float32, and their shape; ArgumentError for what are none."""
    try:
        if kind_of(value) == "torch":
            value = value.detach().to(dtype=_torch().float32, device="cpu").numpy()
        made = _numpy().asarray(value, dtype="<f4")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"expected an array of numbers, found {type(value).__name__}: {error}") from error
    return made.tobytes(), made.shape


def contiguous(array: Any) -> Any:
    """The same numbers in a memory of their own, one after the other."""
    return array.contiguous() if kind_of(array) == "torch" else array.copy()


def gathered(data: bytes, *, width: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """Elements of `width` bytes, which lie `strides` elements apart, one after the other in the order of `shape`."""
    numpy = _numpy()
    steps = [stride * width for stride in strides]
    return bytes(numpy.ndarray(shape, dtype=f"V{width}", buffer=data, strides=steps).tobytes())


def _numpy() -> ModuleType:
    try:
        import numpy
    except ImportError as error:
        raise MissingDependencyError("numpy arrays need numpy: pip install numpy") from error
    return numpy


def _torch() -> ModuleType:
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("torch tensors need PyTorch: pip install torch") from error
    return torch
