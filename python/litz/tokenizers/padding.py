"""Rows that exist already, padded together: what data collators do."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litz.errors import ArgumentError
from litz.numbers import integer
from litz.tokenizers import options, tensors
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.tensors import Rows

if TYPE_CHECKING:
    from litz.tokenizers.calls import Calls


def fill(rows: Rows, width: int, *, value: Any, side: str) -> Rows:
    """Rows filled with `value` on one side up to `width`."""
    if side == "left":
        return [[value] * (width - len(row)) + row for row in rows]
    return [row + [value] * (width - len(row)) for row in rows]


def pad_value(tokenizer: "Calls", rows: Sequence[Sequence[int]], width: int) -> int:
    """The pad token's id; ArgumentError if some row needs one and there is none."""
    id = tokenizer.pad_token_id
    if id is None and any(len(row) < width for row in rows):
        raise ArgumentError("padding needs a pad token; set tokenizer.pad_token = tokenizer.eos_token")
    return 0 if id is None else id


def pad(
    tokenizer: "Calls",
    encoded: Any,
    *,
    padding: Any,
    max_length: int | None,
    pad_to_multiple_of: int | None,
    padding_side: str | None,
    return_attention_mask: bool | None,
    return_tensors: Any,
) -> BatchEncoding:
    """Pads the entries that a tokenizer makes; others go through as they are."""
    if max_length is not None:
        max_length = integer(max_length, "max_length")
    if pad_to_multiple_of is not None:
        pad_to_multiple_of = integer(pad_to_multiple_of, "pad_to_multiple_of", least=1)
    columns, name = _columns(encoded, tokenizer.model_input_names[0])
    kind = tensors.kind_of(return_tensors) or _kind(columns[name])
    columns = {key: tensors.lists(value) for key, value in columns.items()}
    alone = bool(columns[name]) and isinstance(columns[name][0], int)
    if alone:
        columns = {key: [value] for key, value in columns.items()}
    rows = columns[name]
    wrong = next((key for key, value in columns.items() if len(value) != len(rows)), None)
    if wrong is not None:
        raise ArgumentError(f"{wrong} has {len(columns[wrong])} rows and {name} {len(rows)}: they must agree")
    wants_mask = "attention_mask" in tokenizer.model_input_names
    if wants_mask if return_attention_mask is None else return_attention_mask:
        columns.setdefault("attention_mask", [[1] * len(row) for row in rows])
    width = _width(tokenizer, rows, options.padding_of(padding), max_length, pad_to_multiple_of)
    if width is not None:
        side = options.side_of(padding_side) or tokenizer.padding_side
        fillers = {"attention_mask": 0, "token_type_ids": tokenizer.pad_token_type_id, "special_tokens_mask": 1}
        fillers[name] = pad_value(tokenizer, rows, width)
        for key in fillers.keys() & columns.keys():
            columns[key] = fill(columns[key], width, value=fillers[key], side=side)
    made = {key: value[0] if alone else value for key, value in columns.items()}
    return BatchEncoding(made, tensor_type=kind)


def _columns(encoded: Any, name: str) -> tuple[dict[str, Any], str]:
    """Entries by name, from a dict or a list of dicts."""
    if isinstance(encoded, list | tuple) and encoded and isinstance(encoded[0], Mapping):
        rows = encoded
        columns = {key: [row[key] for row in rows] for key in rows[0]}
    elif isinstance(encoded, Mapping):
        columns = dict(encoded)
    else:
        raise ArgumentError(f"pad takes an encoding or a list of encodings, found {encoded!r:.80}")
    if name not in columns:
        raise ArgumentError(f"pad needs {name!r}; this encoding has {', '.join(columns)}")
    return columns, name


def _kind(rows: Any) -> tensors.Kind | None:
    """The kind of tensors that rows are."""
    first = rows[0] if isinstance(rows, list | tuple) and rows else rows
    found = type(first).__module__.partition(".")[0]
    return "pt" if found == "torch" else "np" if found == "numpy" else None


def _width(
    tokenizer: "Calls", rows: Rows, padding: options.Padding | None, max_length: int | None, multiple: int | None
) -> int | None:
    if padding is None:
        return None
    longest = max(map(len, rows), default=0)
    if padding == "longest":
        return options.rounded(longest, multiple)
    return options.rounded(options.longest(tokenizer, max_length), multiple)
