"""The values that a pickle of weights may hold besides plain ones, and how the few names that it may call make them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from litz.errors import FormatError, UnsupportedError
from litz.numbers import shown

_MOST_DIMENSIONS = 8
_ENDLESS = 1 << 62  # no file has as many elements


def described(value: Any) -> str:
    """A value of the pickle for errors; a container by its kind alone, since it may hold itself many times over."""
    return shown(value) if isinstance(value, (str, int, float, Global, type(None))) else f"a {type(value).__name__}"


@dataclass(frozen=True)
class Global:
    """A name that the pickle would import; nothing is imported."""

    name: str


@dataclass(frozen=True)
class Storage:
    """Elements of one type, which lie outside of the pickle under `key`."""

    key: str
    dtype: str  # as safetensors calls it
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage: where it begins, its shape and its strides, all in elements."""

    storage: Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = (self.start, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or len(self.shape) > _MOST_DIMENSIONS or min(sizes) < 0:
            raise FormatError(f"a tensor of shape {shown(self.shape)} has strides {shown(self.strides)}")
        last = self.start + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if 0 not in self.shape and last >= self.storage.count:
            raise FormatError(
                f"a tensor of shape {shown(self.shape)} reaches beyond the {self.storage.count} elements of its storage"
            )

    @property
    def nbytes(self) -> int:
        """How much it takes when its elements lie one after the other."""
        return prod(self.shape) * WIDTHS[self.storage.dtype]

    @property
    def is_contiguous(self) -> bool:
        """Whether its elements lie one after the other in the storage."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size > 1 and stride != step:
                return False
            step *= size
        return True


WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

_STORAGES = {
    "torch.DoubleStorage": "F64", "torch.FloatStorage": "F32", "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16", "torch.LongStorage": "I64", "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16", "torch.CharStorage": "I8", "torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL",
}  # fmt: skip


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    pairs = arguments[0] if arguments else []
    if len(arguments) > 1 or not isinstance(pairs, (list, tuple)):
        raise FormatError(f"collections.OrderedDict is called with {described(pairs)}")
    made = dict[Any, Any]()
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise FormatError(f"collections.OrderedDict is called with {described(pair)}, expected a name and a value")
        made[pair[0]] = pair[1]
    return made


def _tensor(arguments: tuple[Any, ...]) -> Tensor:
    """(storage, start, shape, strides, …): gradients and hooks follow, which count for nothing."""
    storage, start, shape, strides = arguments[:4] if len(arguments) >= 4 else (None, 0, (), ())
    whole = isinstance(shape, tuple) and isinstance(strides, tuple)
    if not isinstance(storage, Storage) or not whole or any(type(n) is not int for n in (start, *shape, *strides)):
        raise FormatError(
            f"a tensor is made of {described(storage)} and others, expected a storage, an offset, a shape and strides"
        )
    if max((start, *shape, *strides)) > _ENDLESS:
        raise FormatError(f"a tensor has the shape {shown(shape)}, which no file could hold")
    return Tensor(storage, start, shape, strides)


def _parameter(arguments: tuple[Any, ...]) -> Tensor:
    if not arguments or not isinstance(arguments[0], Tensor):
        raise FormatError(f"a parameter is made of {described(arguments and arguments[0])}, expected a tensor")
    return arguments[0]


CALLABLE: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
}


def named(name: str) -> Global:
    """A name of the pickle; UnsupportedError unless it is one of those that weights need."""
    if name not in CALLABLE and name not in _STORAGES:
        raise UnsupportedError(
            f"it names {name!r}, which weights do not need: refused, because a pickle's names can run code; "
            "save the weights as safetensors where you trust the file"
        )
    return Global(name)


def storage(persistent: Any) -> Storage:
    """The storage that a persistent id means: ("storage", type, key, device, elements)."""
    if not isinstance(persistent, tuple) or len(persistent) < 5 or persistent[0] != "storage":
        raise FormatError(f"a persistent id is {described(persistent)}, expected that of a storage")
    _, kind, key, _, count = persistent[:5]
    dtype = _STORAGES.get(kind.name) if isinstance(kind, Global) else None
    if dtype is None or not isinstance(key, str) or type(count) is not int or not 0 <= count <= _ENDLESS:
        raise FormatError(f"a persistent id is {described(persistent)}, expected that of a storage")
    if any(part is not None for part in persistent[5:]):
        raise UnsupportedError("a storage is a part of another one; save the weights as safetensors")
    return Storage(key, dtype, count)
