"""Rotary frequencies and every scaling of them (linear, llama3, yarn, longrope), in plain float32 arithmetic.

Angles are position x frequency; the formulas and their float32 rounding follow transformers' `modeling_rope_utils`,
because at position 8,000 one unit in the last place of a frequency is visible in the logits.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from litz.errors import ConfigError, UnsupportedError
from litz.numbers import number, shown
from litz.spec import LongFrequencies, Rope

# No number of an embedding lies beyond these; products of two are still floats.
SMALLEST, LARGEST = 1e-30, 1e30


def f32(value: float) -> float:
    """Rounds to the nearest float32; what is too large for one is infinite."""
    try:
        rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def _inverse(value: float) -> float:
    return f32(1 / value) if value else math.inf


@dataclass(frozen=True)
class _Scaling:
    """The parameters of one rotary embedding, read with checks; errors name the place and the key."""

    parameters: Mapping[str, Any]
    dim: int
    context: int
    where: str

    def name(self, key: str) -> str:
        return f"{self.where}: {key} of rope scaling {kind_of(self.parameters)!r}"

    def number(self, key: str, *, zero_is_none: bool = False) -> float | None:
        """A positive number, None where it is absent or null."""
        value = self.parameters.get(key)
        if value is None or (zero_is_none and value == 0):
            return None
        return number(value, self.name(key), least=SMALLEST, most=LARGEST, error=ConfigError)

    def need(self, key: str) -> float:
        found = self.number(key)
        if found is None:
            raise ConfigError(f"{self.name(key)} is missing: the scaling needs the number {key!r}")
        return found

    def original(self) -> float:
        """How many positions the model was trained on before it was stretched."""
        found = self.number("original_max_position_embeddings")
        return self.context if found is None else found

    def factors(self, key: str) -> list[float]:
        """A divisor for each frequency."""
        values = self.parameters.get(key)
        if not isinstance(values, list | tuple) or len(values) != self.dim // 2:
            raise ConfigError(f"{self.name(key)} must hold {self.dim // 2} numbers, found {shown(values)}")
        return [number(value, self.name(key), least=SMALLEST, most=LARGEST, error=ConfigError) for value in values]

    def wavelengths(self) -> list[float]:
        """theta ** (2i / dim), the inverse of the unscaled frequencies."""
        theta = self.need("rope_theta")
        return [f32(theta ** f32(2 * i / self.dim)) for i in range(self.dim // 2)]


def kind_of(parameters: Mapping[str, Any]) -> str:
    """The scaling's name; `type` is the older spelling of `rope_type`."""
    found = parameters.get("rope_type")
    found = parameters.get("type") if found is None else found
    return "default" if found is None else found if isinstance(found, str) else shown(found)


def _default(s: _Scaling) -> Rope:
    return Rope(s.dim, tuple(_inverse(w) for w in s.wavelengths()))


def _dynamic(s: _Scaling) -> Rope:
    """Dynamic NTK changes nothing up to the trained length, which is where litz's context ends."""
    s.need("factor")
    return _default(s)


def _linear(s: _Scaling) -> Rope:
    factor = s.need("factor")
    return Rope(s.dim, tuple(f32(_inverse(w) / factor) for w in s.wavelengths()))


def _llama3(s: _Scaling) -> Rope:
    factor, low, high = (s.need(key) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    original = s.original()

    def scaled(wavelength: float) -> float:
        frequency = _inverse(wavelength)
        turns = original * frequency / (2 * math.pi)
        if turns < low or turns > high or low == high:
            return f32(frequency / factor) if turns < low else frequency
        smooth = (turns - low) / (high - low)  # 0: slow, divide; 1: fast, keep
        return f32((1 - smooth) * frequency / factor + smooth * frequency)

    return Rope(s.dim, tuple(scaled(w) for w in s.wavelengths()))


def _yarn(s: _Scaling) -> Rope:
    original = s.original()
    given = s.number("factor") if "factor" in s.parameters else s.need("factor")  # an explicit null is the ratio
    factor = s.context / original if given is None else given
    theta = s.need("rope_theta")
    if theta == 1.0:
        raise ConfigError(f"{s.where}: rope_theta = 1 leaves nothing for rope scaling 'yarn' to scale")
    fast, slow = s.number("beta_fast", zero_is_none=True) or 32.0, s.number("beta_slow", zero_is_none=True) or 1.0
    truncate = s.parameters.get("truncate", True)
    if not isinstance(truncate, bool):
        raise ConfigError(f"{s.name('truncate')} must be true or false, found {shown(truncate)}")

    def dimension_at(turns: float) -> float:
        return s.dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = dimension_at(fast), dimension_at(slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, s.dim - 1)
    high = high + 0.001 if high == low else high
    frequencies = []
    for i, wavelength in enumerate(s.wavelengths()):
        interpolate = f32(min(max((i - low) / (high - low), 0.0), 1.0))
        if not wavelength or not f32(factor * wavelength):
            frequencies.append(math.inf)
            continue
        frequencies.append(f32(interpolate / f32(factor * wavelength) + (1 - interpolate) / wavelength))
    return Rope(s.dim, tuple(frequencies), gain=_yarn_gain(s, factor))


def _yarn_gain(s: _Scaling, factor: float) -> float:
    def magnitude(scale: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0

    given = s.number("attention_factor")
    top, bottom = (s.number(key, zero_is_none=True) for key in ("mscale", "mscale_all_dim"))
    if given is not None:
        return given
    return magnitude(top) / magnitude(bottom) if top and bottom else magnitude(1)


def _longrope(s: _Scaling) -> Rope:
    original = s.original()
    if original != int(original):
        raise ConfigError(f"{s.name('original_max_position_embeddings')} must be an integer, found {original}")
    given, gain = s.number("factor"), s.number("attention_factor")
    factor = s.context / original if given is None else given
    if gain is None and factor > 1 and original == 1:
        raise ConfigError(f"{s.name('original_max_position_embeddings')} must be larger than 1, found 1")
    if gain is None:
        gain = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    waves = s.wavelengths()
    short, long = (
        tuple(_inverse(f32(f32(divisor) * w)) for divisor, w in zip(s.factors(key), waves, strict=True))
        for key in ("short_factor", "long_factor")
    )
    return Rope(s.dim, short, gain, long=LongFrequencies(int(original), gain, long))


_SCALINGS: dict[str, Callable[[_Scaling], Rope]] = {
    "default": _default, "linear": _linear, "llama3": _llama3, "yarn": _yarn, "longrope": _longrope,
    "dynamic": _dynamic,
}  # fmt: skip
_ALWAYS = ("rope_type", "type", "rope_theta", "partial_rotary_factor", "gguf_factors", "gguf_gain")
_STRETCHED = ("factor", "original_max_position_embeddings")
_USED = {
    "linear": ("factor",),
    "llama3": (*_STRETCHED, "low_freq_factor", "high_freq_factor"),
    "yarn": (*_STRETCHED, "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"),
    "longrope": (*_STRETCHED, "attention_factor", "short_factor", "long_factor"),
    "dynamic": _STRETCHED,
}
_KNOWN = {*_ALWAYS, "finetuned", *(key for keys in _USED.values() for key in keys)}


def unused(parameters: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Which keys the scaling makes no use of: those of other scalings, and those of none."""
    used = (*_ALWAYS, *_USED.get(kind_of(parameters), ()))
    left = sorted(key for key, value in parameters.items() if key not in used and value is not None)
    return [key for key in left if key in _KNOWN], [key for key in left if key not in _KNOWN]


def make(head_dim: int, parameters: Mapping[str, Any], *, context: int, where: str = "rope_parameters") -> Rope:
    """The rotary embedding that `rope_parameters` describe (keys as transformers 5 writes them).

    `context` is the configured maximum of positions. `gguf_factors` divide the frequencies besides, and `gguf_gain`
    multiplies cos and sin, as only GGUF files say. Raises ConfigError, which names the key, for a number that is
    missing or that no embedding has, and UnsupportedError for an unknown scaling.
    """
    kind = kind_of(parameters)
    if kind not in _SCALINGS:
        known = ", ".join(sorted(_SCALINGS))
        raise UnsupportedError(
            f"{where}: rope scaling {kind!r} (rope_type) is not implemented; expected one of {known}"
        )
    share = parameters.get("partial_rotary_factor")
    share = 1.0 if share is None else number(share, f"{where}: partial_rotary_factor", error=ConfigError)
    if not 0 < share <= 1:
        raise ConfigError(f"{where}: partial_rotary_factor must be larger than 0 and at most 1, found {share!r}")
    dim = int(head_dim * share)
    if dim % 2 or not dim:
        raise ConfigError(
            f"{where}: head_dim {head_dim} and partial_rotary_factor {share:g} make {dim} rotated dimensions, expected "
            f"an even number"
        )
    scaling = _Scaling(parameters, dim, context, where)
    made = _SCALINGS[kind](scaling)
    if parameters.get("gguf_factors") is not None:
        pairs = zip(made.frequencies, scaling.factors("gguf_factors"), strict=True)
        made = replace(made, frequencies=tuple(f32(frequency / divisor) for frequency, divisor in pairs))
    gain = scaling.number("gguf_gain")
    made = made if gain is None else replace(made, gain=made.gain * gain)
    if not all(map(math.isfinite, made.frequencies + (made.long.frequencies if made.long else ()))):
        raise ConfigError(f"{where}: rope_theta and the factors of rope scaling {kind!r} leave no finite frequencies")
    return made
