"""Padding: the strategy that the argument names, padded rows, and `tokenizer.pad`, which data collators call."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from litz.errors import ArgumentError
from litz.numbers import integer
from litz.tokenizers import tensors
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.call.truncation import longest
from litz.tokenizers.defaults import Defaults
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.special_tokens import id_of
from litz.tokenizers.tensors import Rows

Padding = Literal["longest", "max_length"]


def padding_of(padding: Any) -> Padding | None:
    """The strategy that the argument `padding` names."""
    padding = getattr(padding, "value", padding)  # transformers' PaddingStrategy
    if padding in (False, None, "do_not_pad"):
        return None
    if padding is True or padding == "longest":
        return "longest"
    if padding == "max_length":
        return "max_length"
    raise ArgumentError(f"padding is {padding!r}; expected True, False, 'longest' or 'max_length'")


def side_of(side: str | None) -> str | None:
    """The value, if it is a side."""
    if side not in (None, "left", "right"):
        raise ArgumentError(f"padding_side is {side!r}; expected 'left' or 'right'")
    return side


def rounded(width: int, multiple: int | None) -> int:
    """The next multiple from `width` on."""
    multiple = multiple or 1
    return -(-width // multiple) * multiple


def fill(rows: Rows, width: int, *, value: Any, side: str) -> Rows:
    """Rows filled with `value` on one side up to `width`."""
    if side == "left":
        return [[value] * (width - len(row)) + row for row in rows]
    return [row + [value] * (width - len(row)) for row in rows]


def pad_value(pad_id: int | None, rows: Sequence[Sequence[int]], width: int) -> int:
    """The pad token's id; ArgumentError if some row needs one and there is none."""
    if pad_id is None and any(len(row) < width for row in rows):
        raise ArgumentError("padding needs a pad token; set tokenizer.pad_token = tokenizer.eos_token")
    return 0 if pad_id is None else pad_id


def pad(
    backend: TokenizerBackend,
    defaults: Defaults,
    encoded: Any,
    *,
    padding: Any = True,
    max_length: int | None = None,
    pad_to_multiple_of: int | None = None,
    padding_side: str | None = None,
    return_attention_mask: bool | None = None,
    return_tensors: Any = None,
) -> BatchEncoding:
    """Pads the entries that a tokenizer makes; others are returned unchanged."""
    if max_length is not None:
        max_length = integer(max_length, "max_length")
    if pad_to_multiple_of is not None:
        pad_to_multiple_of = integer(pad_to_multiple_of, "pad_to_multiple_of", least=1)
    columns, name = _columns(encoded, defaults.model_input_names[0])
    kind = tensors.kind_of(return_tensors) or _kind(columns[name])
    columns = {key: tensors.lists(value) for key, value in columns.items()}
    alone = bool(columns[name]) and isinstance(columns[name][0], int)
    if alone:
        columns = {key: [value] for key, value in columns.items()}
    rows = columns[name]
    wrong = next((key for key, value in columns.items() if len(value) != len(rows)), None)
    if wrong is not None:
        raise ArgumentError(f"{wrong} has {len(columns[wrong])} rows and {name} {len(rows)}: they must agree")
    wants_mask = "attention_mask" in defaults.model_input_names
    if wants_mask if return_attention_mask is None else return_attention_mask:
        columns.setdefault("attention_mask", [[1] * len(row) for row in rows])
    strategy = padding_of(padding)
    if strategy is not None:
        widest = max(map(len, rows), default=0) if strategy == "longest" else longest(defaults, max_length)
        width = rounded(widest, pad_to_multiple_of)
        side = side_of(padding_side) or defaults.padding_side
        fillers = {"attention_mask": 0, "token_type_ids": defaults.pad_token_type_id, "special_tokens_mask": 1}
        fillers[name] = pad_value(id_of(backend, defaults, "pad_token"), rows, width)
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
