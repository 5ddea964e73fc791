"""Rotary frequencies and every scaling of them (linear, llama3, yarn, longrope), in plain float32 arithmetic.

Angles are position x frequency; the formulas and their float32 rounding follow transformers' `modeling_rope_utils`,
because at position 8,000 one unit in the last place of a frequency is visible in the logits.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litz.errors import ConfigError, UnsupportedError
from litz.spec import LongFrequencies, Rope


def f32(value: float) -> float:
    """Rounds to the nearest float32."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _wavelengths(dim: int, theta: float) -> list[float]:
    """theta ** (2i / dim), the inverse of the unscaled frequencies."""
    return [f32(theta ** f32(2 * i / dim)) for i in range(dim // 2)]


def _need(parameters: Mapping[str, Any], key: str) -> float:
    value = parameters.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ConfigError(f"rope scaling {kind_of(parameters)!r} needs a number {key!r}, found {value!r}")
    return float(value)


def _factors(parameters: Mapping[str, Any], key: str, dim: int) -> list[float]:
    factors = parameters.get(key)
    if not isinstance(factors, Sequence) or len(factors) != dim // 2:
        raise ConfigError(
            f"rope scaling {kind_of(parameters)!r} needs {dim // 2} numbers in {key!r}, found {factors!r}"
        )
    return [float(f) for f in factors]


def kind_of(parameters: Mapping[str, Any]) -> str:
    """The scaling's name; `type` is the older spelling of `rope_type`."""
    return str(parameters.get("rope_type") or parameters.get("type") or "default")


def _default(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    return Rope(dim, tuple(f32(1 / w) for w in _wavelengths(dim, theta)))


def _linear(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    factor = _need(parameters, "factor")
    return Rope(dim, tuple(f32(f32(1 / w) / factor) for w in _wavelengths(dim, theta)))


def _per_dimension(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    """Divisors given one by one, as GGUF files store the llama3 scaling."""
    factors = _factors(parameters, "factors", dim)
    return Rope(dim, tuple(f32(f32(1 / w) / f) for w, f in zip(_wavelengths(dim, theta), factors, strict=True)))


def _llama3(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    factor, low, high = (_need(parameters, k) for k in ("factor", "low_freq_factor", "high_freq_factor"))
    original = _need(parameters, "original_max_position_embeddings")

    def scaled(wavelength: float) -> float:
        frequency = f32(1 / wavelength)
        turns = original * frequency / (2 * math.pi)
        smooth = min(max((turns - low) / (high - low), 0.0), 1.0)  # 0: slow, divide; 1: fast, keep
        return f32((1 - smooth) * frequency / factor + smooth * frequency)

    return Rope(dim, tuple(scaled(w) for w in _wavelengths(dim, theta)))


def _yarn(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    original = float(parameters.get("original_max_position_embeddings") or context)
    factor = float(parameters.get("factor") or context / original)

    def dimension_at(turns: float) -> float:
        return dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = dimension_at(parameters.get("beta_fast") or 32), dimension_at(parameters.get("beta_slow") or 1)
    if parameters.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    high = high + 0.001 if high == low else high
    frequencies = []
    for i, wavelength in enumerate(_wavelengths(dim, theta)):
        interpolate = f32(min(max((i - low) / (high - low), 0.0), 1.0))
        frequencies.append(f32(interpolate / f32(factor * wavelength) + (1 - interpolate) / wavelength))
    return Rope(dim, tuple(frequencies), gain=_yarn_gain(parameters, factor))


def _yarn_gain(parameters: Mapping[str, Any], factor: float) -> float:
    def magnitude(scale: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0

    given = parameters.get("attention_factor")
    if given is not None:
        return float(given)
    top, bottom = parameters.get("mscale"), parameters.get("mscale_all_dim")
    return magnitude(top) / magnitude(bottom) if top and bottom else magnitude(1)


def _longrope(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    original = int(parameters.get("original_max_position_embeddings") or context)
    factor = float(parameters.get("factor") or context / original)
    gain = parameters.get("attention_factor")
    if gain is None:
        gain = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    waves = _wavelengths(dim, theta)
    short, long = (
        tuple(f32(1 / f32(f32(s) * w)) for s, w in zip(_factors(parameters, key, dim), waves, strict=True))
        for key in ("short_factor", "long_factor")
    )
    return Rope(dim, short, float(gain), long=LongFrequencies(original, float(gain), long))


def _dynamic(dim: int, theta: float, parameters: Mapping[str, Any], context: int) -> Rope:
    """Dynamic NTK changes nothing up to the trained length, which is where litz's context ends."""
    return _default(dim, theta, parameters, context)


_SCALINGS: dict[str, Callable[[int, float, Mapping[str, Any], int], Rope]] = {
    "default": _default, "linear": _linear, "llama3": _llama3, "yarn": _yarn, "longrope": _longrope,
    "dynamic": _dynamic, "per_dimension": _per_dimension,
}  # fmt: skip


def make(head_dim: int, parameters: Mapping[str, Any], *, context: int) -> Rope:
    """The rotary embedding that `rope_parameters` describe (keys as transformers 5 writes them).

    `context` is the configured maximum of positions. Raises ConfigError for a missing number and UnsupportedError
    for an unknown scaling.
    """
    kind = kind_of(parameters)
    if kind not in _SCALINGS:
        raise UnsupportedError(f"rope scaling {kind!r} is not implemented; litz knows {', '.join(sorted(_SCALINGS))}")
    theta = _need(parameters, "rope_theta")
    if not 0 < theta < float("inf"):
        raise ConfigError(f"rope_theta must be a positive number, found {theta!r}")
    share = parameters.get("partial_rotary_factor") or 1.0
    if not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise ConfigError(f"partial_rotary_factor must lie between 0 and 1, found {share!r}")
    dim = int(head_dim * share)
    return _SCALINGS[kind](dim, theta, parameters, context)
