"""The types that a model can be quantised to: the type of each tensor, and the name in GGUF files."""

from collections.abc import Callable
from dataclasses import dataclass

from litz.errors import ArgumentError
from litz.nearest import nearest

# (layer, number of layers) -> the type of that layer's matrix
Raised = Callable[[int, int], str | None]


def _never(layer: int, layers: int) -> None:
    return None


def _spread(layer: int, layers: int) -> str | None:
    """The first and the last eighth of the layers, and every third between them."""
    eighth = layers // 8
    return "Q6_K" if layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2 else None


def _first_four(layer: int, layers: int) -> str | None:
    return "Q5_K" if layer < 4 else None


def _first_eighth(layer: int, layers: int) -> str | None:
    return "Q5_K" if layer < layers // 8 else None


@dataclass(frozen=True)
class Scheme:
    """One name after `litz quantize MODEL`.

    `base` is the type of the matrices; `values` and `down` raise the value projections (attn_v, and attn_qkv where
    they are one) and the second feed-forward matrix (ffn_down) of some layers; `file_type` is general.file_type.
    """

    name: str
    base: str
    file_type: int
    values: Raised = _never
    down: Raised = _never

    @property
    def floats(self) -> bool:
        """Whether the matrices stay floats."""
        return self.base in ("F32", "F16", "BF16")

    @property
    def mixed(self) -> bool:
        """Whether the layer decides."""
        return self.values is not _never or self.down is not _never


# file_type: llama_ftype of llama.cpp's include/llama.h, which has one name (_S) for the pure K types.
# The layers that _M and _S raise: llama_tensor_get_type_impl of its src/llama-quant.cpp.
SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("F32", "F32", 0),
        Scheme("F16", "F16", 1),
        Scheme("BF16", "BF16", 32),
        Scheme("Q8_0", "Q8_0", 7),
        Scheme("Q6_K", "Q6_K", 18),
        Scheme("Q5_K_M", "Q5_K", 17, _spread, _spread),
        Scheme("Q5_K_S", "Q5_K", 16),
        Scheme("Q5_K", "Q5_K", 16),
        Scheme("Q5_1", "Q5_1", 9),
        Scheme("Q5_0", "Q5_0", 8),
        Scheme("Q4_K_M", "Q4_K", 15, _spread, _spread),
        Scheme("Q4_K_S", "Q4_K", 14, _first_four, _first_eighth),
        Scheme("Q4_K", "Q4_K", 14),
        Scheme("Q4_1", "Q4_1", 3),
        Scheme("Q4_0", "Q4_0", 2),
        Scheme("IQ4_NL", "IQ4_NL", 25),
    )
}


def scheme_named(name: str) -> Scheme:
    """The scheme of this name in any case; ArgumentError with the nearest and all of them."""
    found = SCHEMES.get(name.upper())
    if found is None:
        near = nearest(name.upper(), SCHEMES, cutoff=0.4)
        hint = f"did you mean {near}? " if near else ""
        raise ArgumentError(f"there is no type {name!r} to quantise to; {hint}There are {', '.join(SCHEMES)}")
    return found
