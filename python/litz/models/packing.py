"""A padded batch as the engine reads it: rows one after the other, real tokens first, padding last or left out."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from litz import arrays
from litz.arguments.mistaken import not_ids
from litz.errors import ArgumentError, ContextError, UnsupportedError
from litz.generation.inputs import checked_ids
from litz.models.inputs import batch
from litz.numbers import integer
from litz.spec import Spec, TokenStem

Rows = list[list[int]]
# Which padding is computed: every place of it, that which a head reads at index 0, or none.
Padding = Literal["all", "first", "none"]


@dataclass(frozen=True)
class Batch:
    """Checked inputs, each (batch, time). Without `positions` and `types`, the model's usual ones are meant.

    Where vectors were given, `embeddings` holds them, (batch, time, width) float32, and the ids are zeros.
    """

    ids: Rows
    mask: list[list[bool]]
    positions: Rows | None
    types: Rows | None
    embeddings: bytes | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows, and how long they are."""
        return len(self.ids), len(self.ids[0])


@dataclass(frozen=True)
class Packed:
    """The rows of a batch without the padding that is not computed; `places` says where in its row each token stood.

    In a row, tokens past the first `keys` are padding: they see the others, and nothing sees them. `pooled` is the
    number of the token that a head reads as the first, where that is padding in some row.
    """

    ids: "array[int]"
    lengths: list[int]
    keys: list[int]
    places: Rows
    positions: "array[int] | None" = None
    types: "array[int] | None" = None
    pooled: list[int] | None = None
    embeddings: bytes | None = None


def read_batch(
    input_ids: Any = None,
    *,
    attention_mask: Any = None,
    position_ids: Any = None,
    token_type_ids: Any = None,
    inputs_embeds: Any = None,
    spec: Spec,
) -> Batch:
    """The inputs of a call, checked against each other and against the model.

    Raises ArgumentError, ContextError, or UnsupportedError for vectors that the model could not count.
    """
    stem = _stem(spec)
    embeddings = None
    if inputs_embeds is not None:
        embeddings, ids = _embeddings(inputs_embeds, input_ids, spec)
    else:
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
    types = None if token_type_ids is None else _types(_like(token_type_ids, "token_type_ids", shape), stem)
    positions = None if position_ids is None else _positions(_like(position_ids, "position_ids", shape), ids, spec)
    return Batch(ids, mask, positions, types, embeddings)


def _stem(spec: Spec) -> TokenStem:
    stem = spec.main.stem
    assert isinstance(stem, TokenStem)
    return stem


def _embeddings(value: Any, input_ids: Any, spec: Spec) -> tuple[bytes, Rows]:
    """The vectors, and ids in their place."""
    stem = _stem(spec)
    if input_ids is not None:
        raise ArgumentError("input_ids and inputs_embeds are two inputs; pass one of them")
    if _skips(spec) is not None:
        raise UnsupportedError("inputs_embeds: this model counts its positions by the ids; pass input_ids")
    data, shape = arrays.float_bytes(value)
    if len(shape) != 3 or shape[2] != stem.width or 0 in shape:
        raise ArgumentError(f"inputs_embeds must be (batch, time, {stem.width}) floats, found {list(shape)}")
    return data, [[0] * shape[1] for _ in range(shape[0])]


def _like(value: Any, name: str, shape: list[int]) -> Rows:
    """Rows in the shape of the ids; one row stands for all of them where positions are given."""
    rows = batch(value, name)
    if name == "position_ids" and len(rows) == 1:
        rows *= shape[0]
    if [len(rows), len(rows[0])] != shape:
        raise ArgumentError(f"{name} are {[len(rows), len(rows[0])]}, the inputs are {shape}: they must agree")
    return rows


def _types(rows: Rows, stem: TokenStem) -> Rows | None:
    if stem.types:
        return _below(rows, stem.types, "token_type_ids")
    if any(map(any, rows)):
        raise ArgumentError("token_type_ids hold others than 0, and this model has no token types; leave them out")
    return None


def _positions(rows: Rows, ids: Rows, spec: Spec) -> Rows | None:
    """Positions of the caller's; a model that counts without padding takes those that it would count itself."""
    skip = _skips(spec)
    if skip is None:
        return _below(rows, spec.context, "position_ids")
    if rows != [_counted(row, skip) for row in ids]:
        raise UnsupportedError("position_ids: this model counts its positions by the ids; leave them out")
    return None


def _counted(ids: Sequence[int], skip: int) -> list[int]:
    """As transformers counts: padding ids stand at `skip`, and the others count from `skip + 1` on."""
    found, last = list[int](), skip
    for token in ids:
        last += token != skip
        found.append(skip if token == skip else last)
    return found


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
    positions, types, vectors = array("I"), array("I"), bytearray()
    ids, lengths, keys, places, pooled = array("I"), list[int](), list[int](), list[list[int]](), list[int]()
    time, size, skip = given.shape[1], 4 * _stem(spec).width, _skips(spec)
    for row, mask in enumerate(given.mask):
        stands = given.positions[row] if given.positions is not None else range(time)
        real = sorted((place for place in range(time) if mask[place]), key=stands.__getitem__)
        left = [place for place in range(time) if not mask[place]]
        if padding != "all":  # what is masked and counted as a position is needed all the same
            counted = skip is not None
            left = [
                place for place in left
                if (place == 0 and padding == "first") or (counted and given.ids[row][place] != skip)
            ]  # fmt: skip
        own = real + sorted(left, key=stands.__getitem__)
        ids.extend(given.ids[row][place] for place in own)
        positions.extend(stands[place] for place in own)
        if given.types is not None:
            types.extend(given.types[row][place] for place in own)
        if given.embeddings is not None:
            begins = ((row * time + place) * size for place in own)
            vectors += b"".join(given.embeddings[begin : begin + size] for begin in begins)
        lengths.append(len(own))
        keys.append(len(real))
        places.append(own)
        pooled.append(own.index(0) if 0 in own else 0)
    usual = given.positions is None and all(own == list(range(len(own))) for own in places)
    return Packed(
        ids, lengths, keys, places, None if usual else positions, types or None, pooled if any(pooled) else None,
        bytes(vectors) or None,
    )  # fmt: skip


def pack_rows(rows: Sequence[Sequence[int]]) -> Packed:
    """Rows without padding, of ids that the model has."""
    lengths = [len(row) for row in rows]
    ids = array("I")
    for row in rows:
        ids.extend(row)
    return Packed(ids, lengths, lengths, [list(range(length)) for length in lengths])


def _skips(spec: Spec) -> int | None:
    """The id that does not count as a position."""
    positions = _stem(spec).positions
    return positions.skip if positions else None


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
