"""Normalisation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]
Weights = Iterator[tuple[str, Shape]]  # canonical name, shape (outermost first)


@dataclass(frozen=True)
class Norm:
    """A norm over the last axis. The weight is stored as `w - offset` (Gemma stores w - 1).

    "rms" divides by the root mean square, "layer" subtracts the mean and divides by the deviation, "l2" by the length.
    """

    kind: Literal["rms", "layer", "l2"] = "rms"
    eps: float = 1e-6
    offset: float = 0.0
    weight: bool = True
    bias: bool = False
    late: bool = False  # in half precision: multiplied by the weight in float32, rounded afterwards

    def weights(self, name: str, width: int) -> Weights:
        """Its tensors under this name."""
        if self.weight:
            yield f"{name}.weight", (width,)
        if self.bias:
            yield f"{name}.bias", (width,)


def linear(name: str, rows: int, cols: int, *, bias: bool = False) -> Weights:
    """The tensors of `weight @ x + bias`."""
    yield f"{name}.weight", (rows, cols)
    if bias:
        yield f"{name}.bias", (rows,)
