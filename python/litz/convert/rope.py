"""Rotary embeddings in the keys of a GGUF header: the base, the scaling, and factors where no key can express it."""

import struct
from collections.abc import Mapping
from typing import Any

from litz import rope
from litz.convert.values import Entry, number, real, text
from litz.errors import UnsupportedError

_STRETCHED = ("beta_fast", "beta_slow")


def entries(arch: str, parameters: Mapping[str, Any], *, dim: int, context: int, where: str) -> list[Entry]:
    """The keys for these `rope_parameters`; UnsupportedError for a scaling that the format cannot express."""
    kind = rope.kind_of(parameters)
    made = [
        number(f"{arch}.rope.dimension_count", dim),
        real(f"{arch}.rope.freq_base", float(parameters["rope_theta"])),
    ]
    if kind in ("default", "llama3"):
        return made
    if kind not in ("linear", "yarn"):
        raise UnsupportedError(f"{where}: rope scaling {kind!r} has no GGUF form that litz writes")
    given = parameters.get("factor")
    original = parameters.get("original_max_position_embeddings") or context
    factor = context / original if given is None else given
    made += [text(f"{arch}.rope.scaling.type", kind), real(f"{arch}.rope.scaling.factor", float(factor))]
    if kind == "yarn":
        made.append(number(f"{arch}.rope.scaling.original_context_length", int(original)))
        made += (
            real(f"{arch}.rope.scaling.yarn_{key}", float(parameters[key])) for key in _STRETCHED if parameters.get(key)
        )
    return made


def factors(parameters: Mapping[str, Any], *, head: int, context: int) -> list[float] | None:
    """Llama 3's scaling as a divisor for each frequency, None for other scalings.

    A divisor is the float32 that gives back the scaled frequency exactly, where there is one.
    """
    if rope.kind_of(parameters) != "llama3":
        return None
    scaled = rope.make(head, parameters, context=context).frequencies
    plain = rope.make(head, {"rope_theta": parameters["rope_theta"]}, context=context).frequencies
    return [_divisor(whole, wanted) for whole, wanted in zip(plain, scaled, strict=True)]


def _divisor(whole: float, wanted: float) -> float:
    nearest = rope.f32(whole / wanted)
    (bits,) = struct.unpack("<i", struct.pack("<f", nearest))
    near = (struct.unpack("<f", struct.pack("<i", bits + step))[0] for step in (0, -1, 1, -2, 2))
    return next((divisor for divisor in near if rope.f32(whole / divisor) == wanted), nearest)
