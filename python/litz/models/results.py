"""What one pass gave, as arrays of the caller's kind."""

from dataclasses import dataclass
from typing import Any

from litz import arrays
from litz.models.encoding import Encoded
from litz.models.packing import Packed, spread
from litz.spec import Spec


@dataclass(frozen=True)
class Results:
    """The numbers of one pass, with what it takes to give them a shape."""

    spec: Spec
    packed: Packed
    encoded: Encoded
    kind: arrays.Kind
    time: int
    choices: int | None  # of each question
    every_layer: bool

    @property
    def hidden_states(self) -> tuple[Any, ...] | None:
        """Those of the embeddings and of every layer, each (batch, time, width), if they were asked for."""
        return tuple(self._states(layer) for layer in range(len(self.spec.layers) + 1)) if self.every_layer else None

    @property
    def last_hidden_state(self) -> Any:
        """What comes behind the last norm, (batch, time, width)."""
        return self._states(len(self.spec.layers) if self.every_layer else 0)

    def of_rows(self) -> Any:
        """What a pooled head gives, (batch, outputs)."""
        rows = len(self.packed.lengths)
        return arrays.floats(bytearray(self.encoded.head), self.kind, shape=(rows, self._outputs(rows)))

    def of_tokens(self) -> Any:
        """What a head gives for each token, (batch, time, outputs)."""
        return self._spread(self.encoded.head, self._outputs(sum(self.packed.lengths)))

    def _outputs(self, of: int) -> int:
        return len(self.encoded.head) // 4 // of

    def _states(self, layer: int) -> Any:
        size = 4 * self.spec.width * sum(self.packed.lengths)
        return self._spread(self.encoded.states[layer * size : (layer + 1) * size], self.spec.width)

    def _spread(self, data: bytes, width: int) -> Any:
        shape = (len(self.packed.lengths), self.time, width)
        return arrays.floats(spread(data, self.packed, time=self.time, width=width), self.kind, shape=shape)
