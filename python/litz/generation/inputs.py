"""Input ids in any form as lists of tokens without padding, and results in the form of the input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from litz import arrays
from litz.arguments.mistaken import described, not_ids
from litz.errors import ArgumentError
from litz.numbers import shown, token_id

Kind = Literal["torch", "numpy", "list"]


@dataclass(frozen=True)
class Prompts:
    """Prompts as the model reads them, and as they were given."""

    given: list[list[int]]  # rows of the input, padding included
    read: list[list[int]]  # the same without padding
    kind: Kind

    def sequences(self, generated: Sequence[Sequence[int]], *, pad: int) -> Any:
        """Each given row followed by its new tokens, as (rows, time) int64 padded on the right; lists stay unpadded.

        With several continuations of a prompt, they follow one another.
        """
        copies = len(generated) // max(len(self.given), 1)
        rows = [[*self.given[row // copies], *new] for row, new in enumerate(generated)]
        return rows if self.kind == "list" else as_kind(_padded(rows, pad), self.kind)


def read_prompts(
    input_ids: Any, attention_mask: Any = None, *, bos: int | None, pad: int | None, special: Sequence[int] = ()
) -> Prompts:
    """Prompts from a tensor, an array or lists; a tokenizer's output has its own mask.

    Padding is what the mask leaves out at either end of a row. Rows without a mask are searched for `pad` at their
    ends. Where that token is also one of `special`, which a prompt may well begin or end with, a batch is ArgumentError
    and a single row is read as it is. ArgumentError names an id that is none.
    """
    if isinstance(input_ids, Mapping):
        attention_mask = input_ids.get("attention_mask") if attention_mask is None else attention_mask
        if "input_ids" not in input_ids:
            if mistake := not_ids(input_ids, "input_ids"):
                raise ArgumentError(f"input_ids must be (batch, time) integers, {mistake}")
            raise ArgumentError(f"the inputs hold {', '.join(map(str, input_ids))}: there are no input_ids among them")
        input_ids = input_ids["input_ids"]
    if input_ids is None:
        if bos is None:
            raise ArgumentError("no input_ids, and the model has no bos token to begin with; pass input_ids")
        input_ids = [[bos]]
    kind, rows = _rows(input_ids, "input_ids")
    read = rows
    if attention_mask is not None:
        read = _unmasked(rows, _rows(attention_mask, "attention_mask")[1])
    elif pad is not None and (len(rows) > 1 or pad not in special):
        read = [_without_pad(row, index, pad, special) for index, row in enumerate(rows)]
    return Prompts(rows, [checked_ids(row) for row in read], kind)


def checked_ids(row: Sequence[Any], *, vocab: int | None = None) -> list[int]:
    """The ids of a row as ints; ArgumentError names the first that is none."""
    plain = all(type(item) is int for item in row)
    if plain and (not row or (min(row) >= 0 and max(row) < (1 << 32 if vocab is None else vocab))):
        return list(row)
    return [token_id(item, "input_ids", vocab=vocab) for item in row]


def as_kind(rows: Any, kind: Kind) -> Any:
    """Rows of one length as int64 torch, int64 numpy, or lists."""
    if kind == "list":
        return rows
    return arrays.integers(rows, kind)


def _rows(ids: Any, name: str) -> tuple[Kind, list[list[Any]]]:
    kind: Kind = "list"
    if hasattr(ids, "tolist"):
        kind = arrays.kind_of(ids)
        ids = ids.tolist()
    if mistake := not_ids(ids, name):
        raise ArgumentError(f"{name} must be (batch, time) integers, {mistake}")
    if not isinstance(ids, (list, tuple)):
        raise ArgumentError(f"{name} must be (batch, time) integers, found {described(ids)}")
    rows = [_row(row) for row in ids] if all(map(_is_row, ids)) else [list(ids)]
    for row in rows:
        wrong = next((item for item in row if not isinstance(item, int) and not hasattr(item, "__index__")), None)
        if wrong is not None and not (name == "attention_mask" and isinstance(wrong, float)):
            raise ArgumentError(f"{name} must be (batch, time) integers, found {shown(wrong)} in it")
    return kind, rows


def _is_row(value: Any) -> bool:
    """Whether a batch's item is a row: a list, or an array with a dimension."""
    return isinstance(value, (list, tuple)) or bool(getattr(value, "shape", ()))


def _row(value: Any) -> list[Any]:
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _unmasked(rows: list[list[int]], mask: list[list[int]]) -> list[list[int]]:
    if [len(row) for row in rows] != [len(row) for row in mask]:
        raise ArgumentError(
            f"attention_mask has rows of {[len(row) for row in mask]}, input_ids of "
            f"{[len(row) for row in rows]} tokens: they must agree"
        )
    read: list[list[int]] = []
    for index, (row, kept) in enumerate(zip(rows, mask, strict=True)):
        places = [place for place, keep in enumerate(kept) if keep]
        if not row:  # an empty row, for which the reader has an error
            read.append([])
            continue
        if not places or len(places) != places[-1] - places[0] + 1:
            raise ArgumentError(f"attention_mask of row {index} must be ones, with zeros only before and after them")
        read.append(row[places[0] : places[-1] + 1])
    return read


def _without_pad(row: list[int], index: int, pad: int, special: Sequence[int]) -> list[int]:
    start = next((place for place, token in enumerate(row) if token != pad), len(row))
    end = next((place for place in range(len(row), start, -1) if row[place - 1] != pad), start)
    if pad in special and end - start < len(row):
        raise ArgumentError(
            f"row {index} begins or ends with token {pad}, which is both padding and a token that a prompt may hold; "
            f"pass attention_mask=inputs['attention_mask'], or call model.generate(**inputs)"
        )
    return row[start:end]


def _padded(rows: list[list[int]], pad: int) -> list[list[int]]:
    width = max(map(len, rows), default=0)
    return [row + [pad] * (width - len(row)) for row in rows]
