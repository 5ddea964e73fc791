"""A pickle machine for weights: it knows the operations that torch.save writes, and calls a handful of functions."""

import pickletools
from collections.abc import Callable
from typing import IO, Any, BinaryIO, cast

from litz.errors import FormatError, UnsupportedError
from litz.pickles.tensors import CALLABLE, Global, described, named, storage

# Ten thousand tensors take a quarter of these.
_MOST_STEPS = 1 << 20
_MOST_BYTES = 1 << 24

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    """BININT BININT1 BININT2 LONG1 BINFLOAT BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE
    BINUNICODE8""".split()
)


class _Bounded:
    """The file up to a limit that no pickle of weights reaches."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _MOST_BYTES
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(self._checked(size)))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(self._left))

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self._left:
            raise FormatError(f"it asks for {size} bytes at once, or holds more than {_MOST_BYTES >> 20} MiB")
        return size

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data


def load(file: BinaryIO) -> Any:
    """The value of the pickle that begins here, with dictionaries, lists, tuples, numbers, texts and `Tensor`s.

    Raises UnsupportedError that names what it would have called, or FormatError. It reads no further than its end.
    """
    machine = _Machine()
    steps = 0
    try:
        for operation, argument, _ in pickletools.genops(cast("IO[bytes]", _Bounded(file))):
            if operation.name == "STOP":
                return machine.pop()
            steps += 1
            if steps > _MOST_STEPS:
                raise FormatError(f"it has more than {_MOST_STEPS} operations: no pickle of weights has")
            machine.step(operation.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, UnicodeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"it is no whole pickle: {error}") from error
    raise FormatError("it is no whole pickle: it does not end")


class _Machine:
    """The stack and what was put aside."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._does: dict[str, Callable[[Any], None]] = {
            "PROTO": self._nothing, "FRAME": self._nothing, "MARK": lambda _: self._stack.append(_MARK),
            "EMPTY_DICT": lambda _: self._stack.append({}), "EMPTY_LIST": lambda _: self._stack.append([]),
            "EMPTY_TUPLE": lambda _: self._stack.append(()), "TUPLE": self._tuple,
            "TUPLE1": lambda _: self._join(1), "TUPLE2": lambda _: self._join(2), "TUPLE3": lambda _: self._join(3),
            "BINPUT": self._put, "LONG_BINPUT": self._put, "MEMOIZE": lambda _: self._put(len(self._memo)),
            "BINGET": self._get, "LONG_BINGET": self._get, "GLOBAL": self._global, "STACK_GLOBAL": self._stack_global,
            "BINPERSID": self._storage, "REDUCE": self._reduce, "BUILD": self._build, "APPEND": self._append,
            "APPENDS": self._appends, "SETITEM": self._set, "SETITEMS": self._set_all,
        }  # fmt: skip

    def step(self, name: str, argument: Any) -> None:
        """Does one operation."""
        if name in _VALUES:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in self._does:
            self._does[name](argument)
        else:
            raise UnsupportedError(f"its operation {name} is none that weights need; save the weights as safetensors")

    def pop(self) -> Any:
        """The topmost value; a mark is none."""
        value = self._stack.pop()
        if value is _MARK:
            raise FormatError("it is no whole pickle: a value is missing")
        return value

    def _nothing(self, _: Any) -> None:
        """Protocol numbers and frames say nothing about values."""

    def _since_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise FormatError("it is no whole pickle: a mark is missing")
        values = self._stack[place + 1 :]
        del self._stack[place:]
        return values

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._since_mark()))

    def _join(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self._stack.append(tuple(reversed(values)))

    def _put(self, place: int) -> None:
        self._memo[place] = self._top(object)

    def _get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    def _top(self, kind: type) -> Any:
        value = self._stack[-1]
        if value is _MARK or not isinstance(value, kind):
            raise FormatError(f"it is no whole pickle: found {described(value)}, expected {kind.__name__}")
        return value

    def _global(self, argument: str) -> None:
        self._stack.append(named(argument.replace(" ", ".", 1)))

    def _stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self._stack.append(named(f"{module}.{name}"))

    def _storage(self, _: Any) -> None:
        self._stack.append(storage(self.pop()))

    def _reduce(self, _: Any) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Global) or function.name not in CALLABLE or not isinstance(arguments, tuple):
            raise FormatError(f"it calls {described(function)}, which makes no value")
        self._stack.append(CALLABLE[function.name](arguments))

    def _build(self, _: Any) -> None:
        """The version numbers that state_dict() attaches to a dictionary are dropped; nothing else has attributes."""
        self.pop()
        self._top(dict)

    def _append(self, _: Any) -> None:
        value = self.pop()
        self._top(list).append(value)

    def _appends(self, _: Any) -> None:
        values = self._since_mark()
        self._top(list).extend(values)

    def _set(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._store([key, value])

    def _set_all(self, _: Any) -> None:
        self._store(self._since_mark())

    def _store(self, values: list[Any]) -> None:
        target = self._top(dict)
        if len(values) % 2 or not all(isinstance(key, (str, int)) for key in values[::2]):
            raise FormatError("it is no whole pickle: a dictionary has something else than names and values")
        target.update(zip(values[::2], values[1::2], strict=True))
