"""Rows of integers as lists, numpy arrays or torch tensors."""

from typing import Any, Literal

from litz import arrays
from litz.errors import ArgumentError
from litz.numbers import MOST, integer, shown

Rows = list[list[int]]
Kind = Literal["np", "pt"]


def kind_of(return_tensors: Any) -> Kind | None:
    """The kind of tensors that `return_tensors` names."""
    if return_tensors is None or return_tensors in ("np", "pt"):
        return return_tensors  # type: ignore[no-any-return]
    name = getattr(return_tensors, "value", None)  # transformers' TensorType
    if name in ("np", "pt"):
        return name  # type: ignore[no-any-return]
    raise ArgumentError(f"return_tensors is {return_tensors!r}; expected 'pt', 'np' or None")


def library(kind: Kind) -> arrays.Kind:
    """The library of a kind."""
    return "torch" if kind == "pt" else "numpy"


def of_rows(rows: Rows, kind: Kind | None) -> Any:
    """Rows as (batch, time) int64, or as they are; rows of several lengths are ArgumentError."""
    if kind is None:
        return rows
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise ArgumentError(f"a tensor needs rows of one length, found {widths[0]} to {widths[-1]}; pass padding=True")
    shape = (len(rows), widths[0] if widths else 0)  # (batch, time)
    return arrays.integers(rows, library(kind), shape=shape)


def convert(value: Any, kind: Kind, name: str) -> Any:
    """A value as a tensor; a tensor is returned unchanged."""
    if type(value).__module__.partition(".")[0] == library(kind):
        return value
    try:
        return arrays.natural(value, library(kind))
    except (ValueError, TypeError, OverflowError) as error:
        raise ArgumentError(
            f"{name} cannot become a tensor: its rows must be numbers of one length; pass padding=True ({error})"
        ) from error


def row(ids: Any, name: str) -> list[int]:
    """Ids as one list of integers, from whatever holds them."""
    found = lists(ids)
    if not isinstance(found, list):
        raise ArgumentError(f"{name} must be a list of ids, found {shown(ids)}")
    return [integer(id, f"each of {name}", least=-MOST, most=2**32 - 1) for id in found]


def lists(ids: Any) -> Any:
    """Ids as lists or one int, from whatever holds them."""
    if isinstance(ids, dict):
        if "input_ids" not in ids:
            raise ArgumentError(f"expected ids, or an encoding with input_ids; found {shown(ids)}")
        ids = ids["input_ids"]
    if hasattr(ids, "tolist"):
        return ids.tolist()
    if isinstance(ids, list | tuple | range):
        return [lists(item) if not isinstance(item, int) else item for item in ids]
    return ids
