"""Numbers from callers and files, checked before they cross into the core: one error names the value and its range."""

import math
from operator import index
from typing import Any

from litz.errors import ArgumentError, LitzError

# What the core counts with: lengths and positions fit, and sums of them do too.
MOST = 2**31 - 1
_MOST_ID = 2**32 - 1


def integer(value: Any, name: str, *, least: int = 0, most: int = MOST, error: type[LitzError] = ArgumentError) -> int:
    """`value` as an int from `least` to `most`, also from numpy's integers and whole tensors of one element.

    A boolean is none. Raises `error` with the name, the range and what was found.
    """
    found = _index(value)
    if found is None or not least <= found <= most:
        raise error(f"{name} must be an integer from {least} to {most}, found {shown(value)}")
    return found


def number(
    value: Any,
    name: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    error: type[LitzError] = ArgumentError,
) -> float:
    """`value` as a finite float from `least` to `most`. Raises `error` with the name and what was found."""
    try:
        found = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        found = math.nan
    if not math.isfinite(found) or not least <= found <= most:
        bounds = "" if (least, most) == (-math.inf, math.inf) else f" from {least:g} to {most:g}"
        raise error(f"{name} must be a finite number{bounds}, found {shown(value)}")
    return found


def token_id(value: Any, name: str, *, vocab: int | None = None) -> int:
    """`value` as a token's id, below `vocab` where that is known; ArgumentError names the id otherwise."""
    found = _index(value)
    most = _MOST_ID if vocab is None else vocab - 1
    if found is None or not 0 <= found <= most:
        known = "" if vocab is None else f"; the vocabulary has {vocab} tokens"
        raise ArgumentError(f"{name} holds {shown(value)}, which is no token id{known}")
    return found


def _index(value: Any) -> int | None:
    """The value as an int if it is a whole number of any library, else None."""
    if isinstance(value, bool):
        return None
    try:
        return index(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def shown(value: Any) -> str:
    """A value as errors show it: its repr on one line, at most 60 characters."""
    try:
        text = repr(value)
    except Exception:  # a number too long to print, or an object's own mistake
        text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
