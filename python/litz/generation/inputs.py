"""What users pass as input ids, as lists of tokens without padding; and results back in the form of the input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from litz import arrays
from litz.errors import ArgumentError

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
    """Prompts from a tensor, an array or lists; a tokenizer's output brings its own mask.

    Padding is what the mask leaves out at either end of a row. A batch without a mask is searched for `pad` at its
    ends; where that token is also one of `special`, which a prompt may well begin or end with, it is ArgumentError.
    """
    if isinstance(input_ids, Mapping):
        attention_mask = input_ids.get("attention_mask") if attention_mask is None else attention_mask
        input_ids = input_ids["input_ids"]
    if input_ids is None:
        if bos is None:
            raise ArgumentError("no input_ids, and the model has no bos token to begin with; pass input_ids")
        input_ids = [[bos]]
    kind, rows = _rows(input_ids)
    if attention_mask is not None:
        return Prompts(rows, _unmasked(rows, _rows(attention_mask)[1]), kind)
    if len(rows) > 1 and pad is not None:
        return Prompts(rows, [_without_pad(row, index, pad, special) for index, row in enumerate(rows)], kind)
    return Prompts(rows, rows, kind)


def as_kind(rows: Any, kind: Kind) -> Any:
    """Rows of one length as int64 torch, int64 numpy, or lists."""
    if kind == "list":
        return rows
    return arrays.integers(rows, kind)


def _rows(ids: Any) -> tuple[Kind, list[list[int]]]:
    kind: Kind = "list"
    if hasattr(ids, "tolist"):
        kind = arrays.kind_of(ids)
        ids = ids.tolist()
    if not isinstance(ids, (list, tuple)):
        raise ArgumentError(f"input_ids must be (batch, time) integers, found {type(ids).__name__}; encode text first")
    rows = [list(ids)] if ids and not isinstance(ids[0], (list, tuple)) else [list(row) for row in ids]
    for row in rows:
        wrong = next((item for item in row if not isinstance(item, int)), None)
        if wrong is not None:
            raise ArgumentError(f"input_ids must be (batch, time) integers, found {wrong!r} in it")
    return kind, rows


def _unmasked(rows: list[list[int]], mask: list[list[int]]) -> list[list[int]]:
    if [len(row) for row in rows] != [len(row) for row in mask]:
        raise ArgumentError(
            f"attention_mask has rows of {[len(row) for row in mask]}, input_ids of "
            f"{[len(row) for row in rows]} tokens: they must agree"
        )
    read = []
    for index, (row, kept) in enumerate(zip(rows, mask, strict=True)):
        places = [place for place, keep in enumerate(kept) if keep]
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
