"""Readers of parameters' values: callers' and files' types converted to JSON's. Ranges are the core's."""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import integer, number, shown, token_id

Reader = Callable[[Any, str], Any]


def plain(value: Any) -> Any:
    """Numbers and lists in the types of JSON, from numpy, torch or tuples."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


@cache
def _ranges() -> dict[str, tuple[Any, Any, bool]]:
    from litz import _core

    return _core.generation_ranges()


def count(value: Any, name: str) -> int:
    """A whole number of the parameter's range."""
    least, most, _ = _ranges()[name]
    return integer(value, name, least=least, most=most)


def real(value: Any, name: str) -> float:
    """A number of the parameter's range."""
    least, most, above = _ranges()[name]
    found = number(value, name, least=least, most=most)
    if above and found == least:
        raise ArgumentError(f"{name} must be above {least:g}, found {shown(value)}")
    return found


def flag(value: Any, name: str) -> bool:
    """True or False."""
    found = plain(value)
    if not isinstance(found, bool):
        raise ArgumentError(f"{name} must be True or False, found {shown(value)}")
    return found


def _items(value: Any, name: str, what: str) -> list[Any]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise ArgumentError(f"{name} must be {what}, found {shown(value)}")
    return list(value)


def _is_none(found: Any) -> bool:
    """Published files write -1 for a token that does not exist."""
    return not isinstance(found, (bool, float)) and _equal(found, -1)


def _equal(value: Any, other: int) -> bool:
    try:
        return bool(value == other)
    except (TypeError, ValueError, RuntimeError):
        return False


def tokens(value: Any, name: str) -> list[int]:
    """One id or several; -1 is no token."""
    found = plain(value)
    items = found if isinstance(found, list) else [found]
    return [token_id(item, name) for item in items if not _is_none(item)]


def forced_tokens(value: Any, name: str) -> list[int]:
    """One id or several."""
    found = plain(value)
    return [token_id(item, name) for item in (found if isinstance(found, list) else [found])]


def token(value: Any, name: str) -> int | None:
    """One id; -1 is no token."""
    return None if _is_none(value) else token_id(value, name)


def forced_token(value: Any, name: str) -> int:
    """One id."""
    return token_id(value, name)


def pad_token(value: Any, name: str) -> int:
    """Results are padded with it, and -1 is a usual filling."""
    return -1 if _is_none(value) else token_id(value, name)


def words(value: Any, name: str) -> list[list[int]]:
    """Sequences of ids."""
    what = "a list of lists of token ids, none empty"
    sequences = [_items(word, name, what) for word in _items(value, name, what)]
    if not all(sequences):
        raise ArgumentError(f"{name} must be {what}, found {shown(value)}")
    return [[token_id(item, name) for item in sequence] for sequence in sequences]


def biases(value: Any, name: str) -> list[list[Any]]:
    """Pairs of a sequence of ids and its bias; JSON has no -inf, which becomes a string."""
    what = "a dict from tuples of token ids to numbers, or a list of [[token ids], number] pairs"
    pairs = list(value.items()) if isinstance(value, Mapping) else _items(value, name, what)
    read_pairs = []
    for pair in pairs:
        items = _items(pair, name, what)
        if len(items) != 2:
            raise ArgumentError(f"{name} must be {what}, found {shown(pair)} in it")
        ids, bias = items
        (sequence,) = words([ids], name)
        forbids = not isinstance(bias, bool) and isinstance(bias, float) and bias == -math.inf
        amount = "-inf" if forbids else real(bias, name)
        read_pairs.append([sequence, amount])
    return read_pairs


def decay(value: Any, name: str) -> list[Any]:
    """Where it starts, and the factor."""
    items = _items(value, name, "[start, factor]: a number of tokens and a number")
    if len(items) != 2:
        raise ArgumentError(f"{name} must be [start, factor], found {shown(value)}")
    return [integer(items[0], name), real(items[1], name)]


def strings(value: Any, name: str) -> list[str]:
    """One text or several, none empty."""
    items = [value] if isinstance(value, str) else _items(value, name, "a string or a list of strings")
    if not all(isinstance(item, str) and item for item in items):
        raise ArgumentError(f"{name} must be a string or a list of strings, none empty, found {shown(value)}")
    return items


def context(value: Any, name: str) -> str:
    """The behaviour where the context is full."""
    if value not in ("error", "slide"):
        raise ArgumentError(f'{name} must be "error" or "slide", found {shown(value)}')
    return str(value)
