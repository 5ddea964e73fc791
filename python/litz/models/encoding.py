"""One pass of the native engine over packed rows: what the head gives, and hidden states."""

from dataclasses import dataclass
from typing import Literal

from litz import _core
from litz.models.packing import Packed
from litz.spec import PooledHead, Spec, attention

# No hidden states, those behind the last norm, or those of the embeddings and of every layer.
States = Literal["none", "last", "layers"]


@dataclass(frozen=True)
class Encoded:
    """Little-endian float32, tokens in the order of the packed rows.

    `head` is (tokens, outputs), or (rows, outputs) of a pooled head; `states` is (tokens, width), or with all layers
    (layers + 1, tokens, width), the last of which is what comes behind the last norm.
    """

    head: bytes
    states: bytes


def is_causal(spec: Spec) -> bool:
    """Whether tokens see only what came before them."""
    return any(made.mask.causal for made in map(attention, spec.layers) if made is not None)


def encode(core: _core.Model, spec: Spec, packed: Packed, *, head: bool = True, states: States) -> Encoded:
    """Computes all rows in one pass; a row has the same bits whatever it is packed with."""
    positions = None if packed.positions is None else packed.positions.tobytes()
    types = None if packed.types is None else packed.types.tobytes()
    first = isinstance(spec.head, PooledHead) and spec.head.pool == "first"
    ids = packed.ids.tobytes() if packed.embeddings is None else None
    return Encoded(
        *core.encode(
            ids, packed.lengths, positions=positions, types=types, embeddings=packed.embeddings, keys=packed.keys,
            pooled=packed.pooled if first else None, head=head and spec.head is not None, hidden=states,
        )
    )  # fmt: skip
