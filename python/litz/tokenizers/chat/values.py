"""The values that a chat template is given, as plain data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from litz.errors import ArgumentError


def plain(value: Any) -> Any:
    """A value as plain data; what is none becomes a placeholder that names its type, as in the reference."""
    try:
        return _plain(value)
    except RecursionError:
        raise ArgumentError("a value for the chat template is nested too deeply, or holds itself") from None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    # A subclass, such as an enum, would print otherwise than the text or number that it is.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not getattr(value, "shape", ()):
        return _plain(value.item())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if callable(getattr(value, "model_dump", None)):
        return _plain(value.model_dump())
    return f"<{type(value).__name__}>"
