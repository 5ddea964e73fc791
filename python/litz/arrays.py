"""Lists and buffers as numpy arrays or torch tensors; each library is imported only when somebody asks for its kind."""

from types import ModuleType
from typing import Any, Literal

from litz.errors import MissingDependencyError

Kind = Literal["numpy", "torch"]


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


def floats(buffer: bytearray, kind: Kind, *, shape: tuple[int, ...]) -> Any:
    """The buffer itself as float32 of that shape, without a copy."""
    if kind == "torch":
        torch = _torch()
        return torch.frombuffer(buffer, dtype=torch.float32).reshape(shape)
    numpy = _numpy()
    return numpy.frombuffer(buffer, dtype=numpy.float32).reshape(shape)


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
        raise MissingDependencyError("torch tensors need PyTorch: pip install 'litz[torch]'") from error
    return torch
