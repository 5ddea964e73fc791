"""What all layers of a pass share: positions, masks, rotations, the cache and the memory."""

from dataclasses import dataclass, field

from torch import Tensor

from litz.nn import rope
from litz.nn.cache import Cache


@dataclass
class Context:
    """One forward pass of one tower."""

    masks: list[Tensor | None]  # of every distinct mask: added to scores, (batch, 1, queries, keys); None: `causal`
    causal: bool  # where a mask is None: whether keys behind their query are hidden
    rotations: list[rope.Table]  # of every distinct rotation
    biases: list[Tensor]  # of every distinct ALiBi, and distances' buckets
    cache: Cache | None = None
    memory: Tensor | None = None
    memory_mask: Tensor | None = None
    eager: bool = False
    attentions: list[Tensor] | None = None  # filled where they are asked for
    real: Tensor | None = None  # (batch, time): the new tokens that are no padding; None: all
    shared: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # layer: its keys and values, for others

    def without_padding(self, x: Tensor) -> Tensor:
        """x (batch, time, width) with zeros for padding, which recurrences and convolutions would carry on."""
        return x if self.real is None else x * self.real[..., None]
