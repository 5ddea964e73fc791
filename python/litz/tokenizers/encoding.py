"""Rows of ids as what a model takes: padded, masked, as lists, arrays or tensors."""

from collections.abc import Sequence
from typing import Any, Literal

from litz import arrays
from litz.errors import ArgumentError

Rows = list[list[int]]
Tensors = Literal["np", "pt"]


class BatchEncoding(dict[str, Any]):
    """What a tokenizer returns: a dict whose entries are attributes too, so that `model(**encoding)` works."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} in this encoding; it has {', '.join(self)}") from None

    def to(self, device: Any) -> "BatchEncoding":
        """The same encoding with its tensors on `device`; lists and arrays can only be on the CPU."""
        for name, value in self.items():
            if hasattr(value, "to"):
                self[name] = value.to(device)
            elif str(device) != "cpu":
                raise ArgumentError(f"{name} is no tensor and cannot be moved to {device}; use return_tensors='pt'")
        return self


def kind_of(return_tensors: Any) -> Tensors | None:
    """What `return_tensors` asks for."""
    if return_tensors is None or return_tensors in ("np", "pt"):
        return return_tensors  # type: ignore[no-any-return]
    raise ArgumentError(f"return_tensors is {return_tensors!r}; expected 'pt', 'np' or None")


def as_tensor(rows: Rows, kind: Tensors | None) -> Any:
    """Rows as (batch, time) int64, or as they are; rows of several lengths are ArgumentError."""
    if kind is None:
        return rows
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise ArgumentError(f"a tensor needs rows of one length, found {widths[0]} to {widths[-1]}; pass padding=True")
    shape = (len(rows), widths[0] if widths else 0)  # (batch, time)
    return arrays.integers(rows, "torch" if kind == "pt" else "numpy", shape=shape)


def width_of(padding: bool | str, max_length: int | None, rows: Rows, limit: int | None) -> int | None:
    """How wide rows become; None where they stay as they are."""
    if padding in (False, None, "do_not_pad"):
        return None
    if padding is True or padding == "longest":
        return max(map(len, rows), default=0)
    if padding == "max_length":
        width = limit if max_length is None else max_length
        if width is None:
            raise ArgumentError("padding='max_length' needs max_length: this tokenizer has no limit of its own")
        return width
    raise ArgumentError(f"padding is {padding!r}; expected True, False, 'longest' or 'max_length'")


def pad(rows: Rows, width: int, *, value: int, side: str) -> Rows:
    """Rows filled with `value` on one side."""
    if side == "left":
        return [[value] * (width - len(row)) + row for row in rows]
    return [row + [value] * (width - len(row)) for row in rows]


def truncate(ids: Sequence[int], around: tuple[int, int], max_length: int, side: str) -> list[int]:
    """Ids cut to `max_length`, the special tokens around them kept: `around` counts those before and after."""
    before, after = around
    room = max_length - before - after
    if room < 0:
        raise ArgumentError(f"max_length is {max_length}; the special tokens alone are {before + after}")
    if len(ids) <= max_length:
        return list(ids)
    end = len(ids) - after
    inner = ids[before:end]
    kept = inner[len(inner) - room :] if side == "left" else inner[:room]
    return [*ids[:before], *kept, *ids[end:]]


def lists(ids: Any) -> Any:
    """Ids as lists or one int, from whatever holds them."""
    if isinstance(ids, dict):
        ids = ids["input_ids"]
    if hasattr(ids, "tolist"):
        return ids.tolist()
    if isinstance(ids, list | tuple | range):
        return [lists(item) if not isinstance(item, int) else item for item in ids]
    return ids
