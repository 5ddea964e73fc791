"""One pass of the native engine over packed rows: what the head gives, and hidden states."""

from dataclasses import dataclass
from typing import Literal

from litz import _core
from litz.models.packing import Packed
from litz.spec import Spec, attention

# No hidden states, those behind the last norm, or those of the embeddings and of every layer.
States = Literal["none", "last", "all"]


@dataclass(frozen=True)
class Encoded:
    """Little-endian float32, tokens in the order of the packed rows.

    `head` is (tokens, outputs), or (rows, outputs) of a pooled head; `states` is (tokens, width), or with all layers
    (layers + 1, tokens, width), the last of which is what comes behind the last norm.
    """

    head: bytes | None
    states: bytes | None


def is_causal(spec: Spec) -> bool:
    """Whether tokens see only what came before them."""
    return any(made.mask.causal for made in map(attention, spec.layers) if made is not None)


def encode(core: _core.Model, packed: Packed, *, states: States) -> Encoded:
    """Computes all rows in one pass; a row has the same bits whatever it is packed with."""
    positions = None if packed.positions is None else packed.positions.tobytes()
    types = None if packed.types is None else packed.types.tobytes()
    return Encoded(*core.encode(packed.ids.tobytes(), packed.lengths, positions, types, packed.keys, states))


def read_causally(core: _core.Model, spec: Spec, packed: Packed, *, states: States) -> Encoded:
    """The hidden states of a decoder, which reads a row at a time."""
    every = states == "all"
    layers = len(spec.layers) + 1 if every else 1
    parts, start = [bytearray() for _ in range(layers)], 0
    for length in packed.lengths:
        found = core.hidden_states(packed.ids[start : start + length].tolist(), every)
        size = len(found) // layers
        for layer, part in enumerate(parts):
            part += found[layer * size : (layer + 1) * size]
        start += length
    return Encoded(None, b"".join(parts))
