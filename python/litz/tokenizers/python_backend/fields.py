"""Reading one object of a tokenizer file: each error names its place, and an unread setting is an error."""

from collections.abc import Sequence
from typing import Any

from litz.errors import FormatError, UnsupportedError


class Fields:
    """The settings of one component, with those that were not read yet."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise FormatError(f"{path}: found {type(value).__name__}, expected an object")
        self.path = path
        self._value = value
        self._unread = set(value) - {"type"}

    @property
    def kind(self) -> str:
        """The component's `type`."""
        kind = self._value.get("type")
        if not isinstance(kind, str):
            raise FormatError(f"{self.path}.type: found {kind!r}, expected the name of a component")
        return kind

    def get(self, key: str, default: Any = None) -> Any:
        """Any value; `default` where it is absent or null."""
        self._unread.discard(key)
        value = self._value.get(key)
        return default if value is None else value

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        return str(self._typed(key, default, str, "text"))

    def character(self, key: str) -> str:
        """A single character."""
        char = self.text(key)
        if len(char) != 1:
            raise FormatError(f"{self.path}.{key}: found {char!r}, expected one character")
        return char

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        return bool(self._typed(key, default, bool, "true or false"))

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 0."""
        number = self._typed(key, default, int, "a whole number from 0")
        if isinstance(number, bool) or number < 0:
            raise FormatError(f"{self.path}.{key}: found {number!r}, expected a whole number from 0")
        return int(number)

    def choice(self, key: str, default: str | None, choices: Sequence[str]) -> str:
        """One of some words."""
        word = self.text(key, default)
        if word not in choices:
            raise UnsupportedError(f"{self.path}.{key}: {word!r} is not implemented; known are {', '.join(choices)}")
        return word

    def parts(self, key: str) -> list[tuple[Any, str]]:
        """The members of a list, each with the name of its place."""
        values = self._typed(key, None, list, "a list")
        return [(value, f"{self.path}.{key}[{at}]") for at, value in enumerate(values)]

    def done(self) -> None:
        """No setting may be left."""
        if self._unread:
            names = ", ".join(sorted(self._unread))
            raise UnsupportedError(f"{self.path}: the setting {names} of {self.kind} is not implemented by litz")

    def unsupported(self, what: str) -> UnsupportedError:
        """The error for a component of an unknown kind."""
        return UnsupportedError(f"{self.path}: the {what} {self.kind} is not implemented by litz")

    def _typed(self, key: str, default: Any, kind: type, expected: str) -> Any:
        value = self.get(key, default)
        if not isinstance(value, kind):
            found = "nothing" if value is None else repr(value)
            raise FormatError(f"{self.path}.{key}: found {found:.60}, expected {expected}")
        return value
