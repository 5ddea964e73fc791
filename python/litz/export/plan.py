"""Which type each tensor of a file gets."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from litz.errors import UnsupportedError
from litz.export.schemes import Scheme

Tensors = Mapping[str, tuple[str, tuple[int, ...], int]]  # name: dtype, shape, bytes

# (elements, bytes) of a block.
BLOCKS = {
    "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "Q8_0": (32, 34), "Q4_0": (32, 18), "Q4_1": (32, 20),
    "Q5_0": (32, 22), "Q5_1": (32, 24), "IQ4_NL": (32, 18), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
    "MXFP4": (32, 17),
}  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
_INTEGERS = ("I64", "I32", "I16", "I8")
# The replacement of a type whose blocks do not fit into a row.
_NARROWER = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
# Small matrices with a large effect, and tables that are added instead of multiplied.
_KEPT = re.compile(r"ffn_gate_inp|(^|\.)position_embd\.|token_types\.|ssm_conv1d|shortconv\.conv|attn_rel_b\.")


@dataclass(frozen=True)
class Planned:
    """A tensor and its new type; `wanted` is the scheme's type, for which its rows may be too short."""

    name: str
    shape: tuple[int, ...]
    stored: str
    dtype: str
    wanted: str
    bytes_before: int
    bytes_after: int

    @property
    def twice(self) -> bool:
        """Whether quantised values are quantised again."""
        return self.stored not in FLOATS and self.dtype not in (*FLOATS, self.stored)


def plan(tensors: Tensors, header: Mapping[str, Any], scheme: Scheme) -> list[Planned]:
    """The file's tensors in its order; UnsupportedError where the scheme's layers are not those of this model."""
    if scheme.mixed:
        _check_layers(tensors, header, scheme)
    return [_planned(name, tensors, header, scheme) for name in tensors]


def _planned(name: str, tensors: Tensors, header: Mapping[str, Any], scheme: Scheme) -> Planned:
    stored, shape, before = tensors[name]
    wanted = _wanted(name, tensors, header, scheme)
    dtype = wanted
    columns = shape[-1] if shape else 1
    if dtype in BLOCKS and columns % BLOCKS[dtype][0]:
        dtype = _NARROWER.get(dtype, "F16")
        dtype = "F16" if columns % BLOCKS[dtype][0] else dtype
    elements, size = BLOCKS.get(dtype, (0, 0))
    after = before if dtype == stored else math.prod(shape) // elements * size
    return Planned(name, shape, stored, dtype, wanted, before, after)


def _wanted(name: str, tensors: Tensors, header: Mapping[str, Any], scheme: Scheme) -> str:
    stored, shape, _ = tensors[name]
    if stored in _INTEGERS:
        return stored
    if len(shape) < 2 or name.endswith("_norm.weight"):
        return "F32" if stored in FLOATS else stored
    if not name.endswith(".weight") or _KEPT.search(name):
        return "F32" if stored == "F64" else stored
    if scheme.floats:
        return scheme.base
    # A tied embedding is the output too, and each token multiplies all of it.
    if name == "output.weight" or (name == "token_embd.weight" and "output.weight" not in tensors):
        fits = shape[-1] % BLOCKS[scheme.base][0] == 0
        return "Q6_K" if scheme.base != "Q8_0" and fits else "Q8_0"
    return _of_layer(name, tensors, header, scheme)


def _of_layer(name: str, tensors: Tensors, header: Mapping[str, Any], scheme: Scheme) -> str:
    found = re.fullmatch(r"blk\.(\d+)\.(attn_v|attn_qkv|ffn_down)\.weight", name)
    if found is None or not scheme.mixed:
        return scheme.base
    layer, layers = int(found[1]), int(header[f"{header['general.architecture']}.block_count"])
    if found[2] == "ffn_down":
        return scheme.down(layer, layers) or scheme.base
    raised = scheme.values(layer, layers) or scheme.base
    return "Q5_K" if raised == "Q4_K" and _shares_values(header, layers) else raised


def _shares_values(header: Mapping[str, Any], layers: int) -> bool:
    """The 70B models: eight heads share one value head, so that its matrix is small and matters."""
    family = header["general.architecture"]
    heads, shared = (header.get(f"{family}.attention.head_count{suffix}") for suffix in ("", "_kv"))
    return family in ("llama", "qwen2") and layers == 80 and heads != (shared or heads)


def _check_layers(tensors: Tensors, header: Mapping[str, Any], scheme: Scheme) -> None:
    family = header.get("general.architecture")
    layers = header.get(f"{family}.block_count")
    found: Counter[str] = Counter()
    for name in tensors:
        if match := re.fullmatch(r"blk\.\d+\.(attn_v|attn_qkv|ffn_down)\.weight", name):
            found[match[1]] += 1
    dense = found["ffn_down"] == layers and found["attn_v"] + found["attn_qkv"] == layers
    if family == "falcon" or not dense or header.get(f"{family}.expert_count"):
        raise UnsupportedError(
            f"{scheme.name} raises layers by a rule for models with one attention and one feed-forward matrix each, "
            f"and this is a {family} model without them; {scheme.base} gives all its matrices that type"
        )


def narrowed(planned: list[Planned]) -> Iterator[str]:
    """One line for each kind of row that its type does not fit into."""
    kinds = Counter((each.wanted, each.shape[-1], each.dtype) for each in planned if each.wanted != each.dtype)
    for (wanted, columns, dtype), count in kinds.items():
        yield (
            f"{count} tensor{'s' if count > 1 else ''} with rows of {columns} numbers became {dtype}: "
            f"{wanted} needs a multiple of {BLOCKS[wanted][0]}"
        )
