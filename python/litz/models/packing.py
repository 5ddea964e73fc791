"""A padded batch as the engine reads it: rows one after the other, real tokens first, padding last or left out."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from litz.arguments.mistaken import not_ids
from litz.errors import ArgumentError, ContextError
from litz.generation.inputs import checked_ids
from litz.models.inputs import batch
from litz.numbers import integer
from litz.spec import Spec, TokenStem

Rows = list[list[int]]
# Which padding is computed: every place of it, that which a head reads at index 0, or none.
Padding = Literal["all", "first", "none"]


@dataclass(frozen=True)
class Batch:
    """Checked inputs, each (batch, time). Without `positions` and `types`, the model's usual ones are meant."""

    ids: Rows
    mask: list[list[bool]]
    positions: Rows | None
    types: Rows | None

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows, and how long they are."""
        return len(self.ids), len(self.ids[0])


@dataclass(frozen=True)
class Packed:
    """The rows of a batch without the padding that is not computed; `places` says where in its row each token stood.

    In a row, tokens past the first `keys` are padding: they see the others, and nothing sees them.
    """

    ids: "array[int]"
    lengths: list[int]
    keys: list[int]
    positions: "array[int] | None"
    types: "array[int] | None"
    places: Rows


def read_batch(
    input_ids: Any, *, attention_mask: Any = None, position_ids: Any = None, token_type_ids: Any = None, spec: Spec
) -> Batch:
    """The inputs of a call, checked against each other and against the model. Raises ArgumentError or ContextError."""
    stem = spec.main.stem
    assert isinstance(stem, TokenStem)
    ids = [checked_ids(row, vocab=stem.vocab) for row in batch(input_ids, "input_ids")]
    shape = [len(ids), len(ids[0])]
    if shape[1] > spec.context:
        raise ContextError(
            f"rows of {shape[1]} tokens are longer than the model's {spec.context}; pass truncation=True to the "
            "tokenizer, or cut them"
        )
    mask = [[True] * shape[1] for _ in ids]
    if attention_mask is not None:
        mask = [[bool(item) for item in row] for row in _like(attention_mask, "attention_mask", shape)]
    if not all(map(any, mask)):
        raise ArgumentError("attention_mask leaves a row without a single token")
    types = None if token_type_ids is None else _like(token_type_ids, "token_type_ids", shape)
    if types is not None and not stem.types:
        if any(map(any, types)):
            raise ArgumentError("token_type_ids hold others than 0, and this model has no token types; leave them out")
        types = None
    if types is not None:
        types = _below(types, stem.types, "token_type_ids")
    positions = None if position_ids is None else _like(position_ids, "position_ids", shape)
    if positions is not None:
        rows = stem.positions.rows - stem.positions.offset if stem.positions else spec.context
        positions = _below(positions, rows, "position_ids")
    return Batch(ids, mask, positions, types)


def _like(value: Any, name: str, shape: list[int]) -> Rows:
    """Rows in the shape of the ids; one row stands for all of them where positions are given."""
    rows = batch(value, name)
    if name == "position_ids" and len(rows) == 1:
        rows *= shape[0]
    if [len(rows), len(rows[0])] != shape:
        raise ArgumentError(f"{name} are {[len(rows), len(rows[0])]}, input_ids are {shape}: they must agree")
    return rows


def _below(rows: Rows, most: int, name: str) -> Rows:
    return [[integer(item, name, most=most - 1) for item in row] for row in rows]


def flattened(value: Any, choices: int | None, name: str) -> tuple[Any, int]:
    """(batch, choices, time) as (batch * choices, time), and how many choices there are; ArgumentError if not so."""
    if value is None:
        return None, choices or 0
    if wrong := not_ids(value, name):
        raise ArgumentError(f"{name} must be integers of shape (batch, choices, time), {wrong}")
    rows = value.tolist() if hasattr(value, "tolist") else value
    whole = isinstance(rows, (list, tuple)) and rows and all(isinstance(each, (list, tuple)) and each for each in rows)
    if not whole or not all(isinstance(row, (list, tuple)) for each in rows for row in each):
        raise ArgumentError(f"{name} must be integers of shape (batch, choices, time): a list of choices for each row")
    counts = {len(each) for each in rows}
    if len(counts) > 1 or (choices is not None and counts != {choices}):
        raise ArgumentError(f"{name} must be (batch, choices, time) with as many choices in every row")
    return [list(row) for each in rows for row in each], counts.pop()


def pack(given: Batch, spec: Spec, *, padding: Padding) -> Packed:
    """The rows one after the other, with positions where they are not simply counted."""
    ids, positions, types = array("I"), array("I"), array("I")
    lengths, keys, places = list[int](), list[int](), list[list[int]]()
    usual = given.positions is None and not _skips(spec)
    for row, mask in enumerate(given.mask):
        real = [place for place, kept in enumerate(mask) if kept]
        rest = [place for place, kept in enumerate(mask) if not kept and (padding == "all" or place == 0)]
        own = real + (rest if padding != "none" else [])
        counted = given.positions[row] if given.positions is not None else _counted(given.ids[row], spec)
        usual = usual and own == list(range(len(own)))
        ids.extend(given.ids[row][place] for place in own)
        positions.extend(counted[place] for place in own)
        if given.types is not None:
            types.extend(given.types[row][place] for place in own)
        lengths.append(len(own))
        keys.append(len(real))
        places.append(own)
    return Packed(ids, lengths, keys, None if usual else positions, None if given.types is None else types, places)


def pack_rows(rows: Sequence[Sequence[int]], spec: Spec) -> Packed:
    """Rows without padding, of ids that the model has."""
    ids, positions = array("I"), array("I")
    for row in rows:
        ids.extend(row)
        if _skips(spec) is not None:
            positions.extend(_counted(row, spec))
    lengths = [len(row) for row in rows]
    return Packed(ids, lengths, lengths, positions or None, None, [list(range(length)) for length in lengths])


def _skips(spec: Spec) -> int | None:
    """The id that does not count as a position."""
    stem = spec.main.stem
    return stem.positions.skip if isinstance(stem, TokenStem) and stem.positions else None


def _counted(ids: Sequence[int], spec: Spec) -> list[int]:
    """The position of every token of a row, whether it is masked or not: its index, or its number without padding ids.

    As transformers counts: padding ids stand at `skip`, and the others count from `skip + 1` on.
    """
    skip = _skips(spec)
    if skip is None:
        return list(range(len(ids)))
    found, last = list[int](), skip
    for token in ids:
        last += token != skip
        found.append(skip if token == skip else last)
    return found


def spread(data: bytes, packed: Packed, *, time: int, width: int) -> bytearray:
    """What was computed for each packed token at its place in (batch, time, width) float32; zeros elsewhere."""
    size = 4 * width
    if all(places == list(range(time)) for places in packed.places):
        return bytearray(data)
    out, at = bytearray(len(packed.places) * time * size), 0
    for row, places in enumerate(packed.places):
        start = 0
        while start < len(places):
            end = start + 1
            while end < len(places) and places[end] == places[end - 1] + 1:
                end += 1
            target = (row * time + places[start]) * size
            count = (end - start) * size
            out[target : target + count] = data[at : at + count]
            at, start = at + count, end
    return out
