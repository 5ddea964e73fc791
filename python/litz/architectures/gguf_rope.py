"""GGUF's rotary keys in the terms of `config.json`, with llama.cpp's meaning of each.

frequency = base ** (-2i / dim) / factors[i], then the scaling by type: without a type it is linear; none scales
nothing; a factor of 0 is none. cos and sin are multiplied with attn_factor, which comes on top of YaRN's own gain.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from litz.architectures.gguf_header import Header
from litz.errors import ConfigError, UnsupportedError
from litz.numbers import shown
from litz.rope import LARGEST, SMALLEST

Floats = Callable[[str], list[float]]
_TYPES = ("none", "linear", "yarn", "longrope")
_WHOLE_YARN = ("gpt-oss",)  # families that were published with `truncate` = false, which has no key
_FREQS, _LONG, _SHORT = "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"


def rope(h: Header, *, head: int, context: int, floats: Floats) -> dict[str, Any]:
    """The rotary keys of `config.json` for heads of this size; `floats` reads a tensor of the file."""
    base = positive(h, "rope.freq_base")
    dim = h.size("rope.dimension_count", most=head) or head
    if dim % 2:
        given = [key for key in ("rope.dimension_count", "attention.key_length") if h.given(key)]
        key = given[0] if given else f"embedding_length divided by {h.arch}.attention.head_count"
        raise ConfigError(f"{h.name(key)} must be even to be rotated in pairs, found {dim}")
    found: dict[str, Any] = {"rope_theta": 10000.0 if base is None else base}
    if dim != head:
        # Half a dimension more, so that the product with the head, rounded down, is `dim` again.
        found["partial_rotary_factor"] = (dim + 0.5) / head
    scaling = _scaling(h, context=context)
    if _FREQS in h.shapes:
        scaling["gguf_factors"] = _factors(h, _FREQS, floats, dim=dim)
    elif _LONG in h.shapes or _SHORT in h.shapes:
        scaling = _long(h, scaling, floats, dim=dim, context=context)
        found["original_max_position_embeddings"] = scaling["original_max_position_embeddings"]
    if scaling != {"rope_type": "default"}:
        found["rope_scaling"] = scaling
    return found


def _scaling(h: Header, *, context: int) -> dict[str, Any]:
    """`rope_scaling`; every rotary key is checked, also where the type makes no use of it.

    YaRN's other numbers are accepted where they change nothing; the rest is left over.
    """
    kind, factor = _kind(h), _factor(h)
    original = h.size("rope.scaling.original_context_length") or context
    gain = positive(h, "rope.scaling.attn_factor")
    betas = {name: positive(h, f"rope.scaling.yarn_{name}") for name in ("beta_fast", "beta_slow")}
    h.flag("rope.scaling.finetuned")  # how the model was trained
    h.neutral("rope.scaling.yarn_attn_factor", 1.0)
    h.neutral("rope.scaling.yarn_ext_factor", -1.0, 1.0 if kind == "yarn" else 0.0)
    h.neutral("rope.scaling.yarn_log_multiplier", 0.0)
    gain = 1.0 if gain is None else gain
    if kind == "none" or factor == 1.0:
        return {"rope_type": "default", **({"gguf_gain": gain} if gain != 1.0 else {})}
    if kind != "yarn":
        return {"rope_type": "linear", "factor": factor, **({"gguf_gain": gain} if gain != 1.0 else {})}
    found: dict[str, Any] = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
    if h.arch in _WHOLE_YARN:
        found["truncate"] = False
    if gain != 1.0:
        found["attention_factor"] = gain * (1.0 if factor <= 1 else 0.1 * math.log(factor) + 1.0)
    return found | {key: value for key, value in betas.items() if value is not None}


def positive(h: Header, key: str, *, zero: bool = False) -> float | None:
    """A number that an embedding can have, None where the key is absent; 0 only where it stands for none."""
    found = h.number(key)
    if found is None or (zero and found == 0) or SMALLEST <= found <= LARGEST:
        return found
    raise ConfigError(f"{h.name(key)} must be a number from {SMALLEST:g} to {LARGEST:g}, found {shown(found)}")


def _kind(h: Header) -> str:
    kind = h.text("rope.scaling.type")
    if kind is not None and kind not in _TYPES:
        raise UnsupportedError(f"{h.name('rope.scaling.type')} = {kind!r}; expected one of {', '.join(_TYPES)}")
    return "linear" if kind is None else kind


def _factor(h: Header) -> float:
    """By how much positions are stretched; 0 is not at all. The older key counts only without the newer one."""
    found, older = (positive(h, key, zero=True) for key in ("rope.scaling.factor", "rope.scale_linear"))
    return (older if found is None else found) or 1.0


def _long(h: Header, scaling: dict[str, Any], floats: Floats, *, dim: int, context: int) -> dict[str, Any]:
    """LongRoPE: factors for sequences up to the original length, and others beyond it."""
    for name in (_LONG, _SHORT):
        if name not in h.shapes:
            raise ConfigError(f"{h.where} has no tensor {name}, but its counterpart")
    if scaling["rope_type"] == "yarn":
        raise h.refuse(f"{h.arch}.rope.scaling.type = 'yarn' beside {_LONG}")
    factor = scaling.get("factor", 1.0)
    long, short = ([value * factor for value in _factors(h, name, floats, dim=dim)] for name in (_LONG, _SHORT))
    original = h.size("rope.scaling.original_context_length") or context
    return {
        "rope_type": "longrope",
        "long_factor": long,
        "short_factor": short,
        "attention_factor": scaling.get("gguf_gain", 1.0),
        "original_max_position_embeddings": original,
    }


def _factors(h: Header, name: str, floats: Floats, *, dim: int) -> Sequence[float]:
    """A divisor for each frequency."""
    values = floats(name) if math.prod(h.shapes[name]) == dim // 2 else []
    if len(values) != dim // 2 or not all(math.isfinite(value) and value > 0 for value in values):
        found = f"{list(h.shapes[name])}" if not values else "others"
        raise ConfigError(f"{h.where}: the tensor {name} must hold {dim // 2} positive numbers, found {found}")
    return values
