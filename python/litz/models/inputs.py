"""The inputs of a call: nested lists, numpy arrays or torch tensors as checked lists of integers."""

from typing import Any

from litz.arguments.mistaken import not_ids
from litz.errors import ArgumentError
from litz.numbers import integer, shown


def batch(value: Any, name: str) -> list[list[int]]:
    """(batch, time) integers as lists; ArgumentError says what was found instead."""
    if wrong := not_ids(value, name):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), {wrong}")
    rows = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(rows, (list, tuple)) and rows and not any(isinstance(row, (list, tuple)) for row in rows):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), found one row; put it into a list")
    if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(row, (list, tuple)) for row in rows):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), found {_found(value)}")
    if len({len(row) for row in rows}) > 1:
        raise ArgumentError(f"{name} must be (batch, time) with rows of one length; pad them and pass the mask")
    whole = name == "attention_mask" or all(hasattr(item, "__index__") for row in rows for item in row)
    if not rows[0] or not whole or any(isinstance(item, (list, tuple)) for row in rows for item in row):
        raise ArgumentError(f"{name} must be integers of shape (batch, time), found {_found(value)}")
    return [list(row) for row in rows]


def kept_positions(logits_to_keep: Any, time: int) -> Any:
    """Which positions to keep, as an index of arrays: None is all of them."""
    if hasattr(logits_to_keep, "tolist"):
        logits_to_keep = logits_to_keep.tolist()
    if isinstance(logits_to_keep, (list, tuple)):
        return [integer(place, "logits_to_keep", least=-time, most=time - 1) for place in logits_to_keep]
    count = integer(logits_to_keep, "logits_to_keep")
    return slice(-count, None) if count else None


def _found(value: Any) -> str:
    if hasattr(value, "shape"):
        return f"{getattr(value, 'dtype', type(value).__name__)} {list(value.shape)}"
    return shown(value)
