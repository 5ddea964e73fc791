"""A GGUF header read key by key, each value checked; what is unread is refused, never passed over."""

import math
from collections.abc import Mapping
from typing import Any

from litz.config import FLOAT32
from litz.errors import ConfigError, UnsupportedError
from litz.numbers import integer, number, shown

Shapes = Mapping[str, tuple[int, ...]]

LARGEST = 2**28  # the engine's limit of a size
MOST_LAYERS = 4096


class Header:
    """The keys of the header's own architecture, without its prefix, and the file's tensors.

    Errors name the file, the whole key and what was found: ConfigError for a value that no model has, UnsupportedError
    for one that litz does not compute.
    """

    def __init__(
        self,
        metadata: Mapping[str, Any],
        shapes: Shapes,
        *,
        where: str,
        long_arrays: Mapping[str, int] | None = None,
    ) -> None:
        self.arch = str(metadata.get("general.architecture"))
        self.shapes = shapes
        self.where = where
        prefix = f"{self.arch}."
        described = {key: f"an array of {count} items" for key, count in (long_arrays or {}).items()}
        every = {**metadata, **described}
        self._own = {key.removeprefix(prefix): value for key, value in every.items() if key.startswith(prefix)}
        self._read = set[str]()

    def name(self, key: str) -> str:
        """The whole key, as the file and errors have it."""
        return f"{self.where}: {self.arch}.{key}"

    def given(self, key: str) -> bool:
        """Whether the header has the key."""
        return key in self._own

    def lists(self, key: str) -> bool:
        """Whether the header has a list under the key."""
        return isinstance(self._own.get(key), list)

    def size(self, key: str, *, least: int = 1, most: int = LARGEST) -> int | None:
        """An integer, None where the key is absent."""
        value = self._take(key)
        return None if value is None else integer(value, self.name(key), least=least, most=most, error=ConfigError)

    def needed(self, key: str, *, most: int = LARGEST) -> int:
        """An integer that every header of this architecture has."""
        self.require(key)
        return integer(self._take(key), self.name(key), least=1, most=most, error=ConfigError)

    def require(self, key: str) -> None:
        """Stops if the header lacks the key: no value can be made up for it."""
        if key not in self._own:
            raise ConfigError(f"{self.name(key)} is missing, and no other key says it; convert the model again")

    def same_for_each(self, key: str, *, layers: int, least: int = 1, most: int = LARGEST) -> int | None:
        """A size that is written once, or once a layer; one that differs from layer to layer is refused."""
        value = self._take(key)
        if not isinstance(value, list):
            return self.size(key, least=least, most=most)
        if len(value) != layers:
            raise ConfigError(
                f"{self.name(key)} must be a number or one for each of {layers} layers, found {len(value)}"
            )
        values = [integer(item, self.name(key), least=least, most=most, error=ConfigError) for item in value]
        if len(set(values)) > 1:
            raise self.refuse(f"{self.arch}.{key} that differs from layer to layer ({shown(values)})")
        return values[0]

    def counts(self, key: str, *, layers: int, most: int = LARGEST) -> list[int]:
        """A number a layer, 0 where it has none of them."""
        self.require(key)
        value = self._take(key)
        if not isinstance(value, list) or len(value) != layers:
            raise ConfigError(f"{self.name(key)} must be a list for {layers} layers, found {shown(value)}")
        return [integer(item, self.name(key), least=0, most=most, error=ConfigError) for item in value]

    def number(self, key: str, *, least: float = -math.inf, above: float | None = None) -> float | None:
        """A finite number that float32 holds, None where the key is absent; with `above`, larger than that."""
        value = self._take(key)
        if value is None:
            return None
        found = number(value, self.name(key), least=least, error=ConfigError)
        if abs(found) > FLOAT32:
            raise ConfigError(f"{self.name(key)} must be a number that float32 holds, found {shown(value)}")
        if above is not None and found <= above:
            raise ConfigError(f"{self.name(key)} must be larger than {above:g}, found {shown(value)}")
        return found

    def flag(self, key: str) -> bool | None:
        """A Boolean, None where the key is absent."""
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            raise ConfigError(f"{self.name(key)} must be true or false, found {shown(value)}")
        return value

    def text(self, key: str) -> str | None:
        """A text, None where the key is absent."""
        value = self._take(key)
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{self.name(key)} must be text, found {shown(value)}")
        return value

    def flags(self, key: str, *, layers: int) -> list[bool] | None:
        """A Boolean a layer, None where the key is absent."""
        value = self._take(key)
        if value is None:
            return None
        whole = isinstance(value, list) and len(value) == layers
        if not whole or not all(isinstance(item, bool) or item in (0, 1) for item in value):
            raise ConfigError(
                f"{self.name(key)} must be true or false for each of {layers} layers, found {shown(value)}"
            )
        return [bool(item) for item in value]

    def neutral(self, key: str, *values: object) -> None:
        """Accepts these values, which change nothing in this architecture; any other is left over."""
        own = self._own.get(key)
        if any(own == value and isinstance(own, bool) == isinstance(value, bool) for value in values):
            self._read.add(key)

    def ignore(self, *keys: str) -> None:
        """Marks keys that cannot matter in the branch that was taken."""
        self._read.update(keys)

    def ignore_all(self, prefix: str) -> None:
        """Marks every key that begins so."""
        self._read.update(key for key in self._own if key.startswith(prefix))

    def left(self) -> dict[str, Any]:
        """The whole unread keys, with their values."""
        return {f"{self.arch}.{key}": value for key, value in self._own.items() if key not in self._read}

    def has(self, *tensors: str) -> bool:
        """Whether the first layer has any of these tensors."""
        return any(f"blk.0.{tensor}" in self.shapes for tensor in tensors)

    def refuse(self, what: str) -> UnsupportedError:
        """An error that names the file."""
        return UnsupportedError(f"{self.where}: {what}, which is not implemented")

    def _take(self, key: str) -> Any:
        self._read.add(key)
        return self._own.get(key)
