"""Gemma 3, the text model, and EmbeddingGemma: Gemma 2 without softcaps, a norm on each head of q and k, and two rotary
embeddings. EmbeddingGemma reads both ways and has no head.

Five layers of six have a window and rotate with a base of 10,000; the sixth sees everything and rotates with 1,000,000,
scaled linearly in the larger models.
"""

from dataclasses import replace
from typing import Any

from litz.architectures.base import SANDWICH, Family, Keys, Spec, account_for, rope_of, windows
from litz.architectures.gemma2 import KEYS, gemma
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import Rope

_Base = tuple[str, float]  # the older key for the base of the frequencies, and its default
_WHOLE, _LOCAL = ("rope_theta", 1000000.0), ("rope_local_base_freq", 10000.0)


def parameters(
    c: Keys, whole_base: _Base = _WHOLE, local_base: _Base = _LOCAL
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(global, local) rope parameters, from the nested form or from the older keys beside each other."""
    nested = c.table("rope_parameters")
    for key, value in nested.items():
        if key not in ("full_attention", "sliding_attention"):
            c.leave(f"rope_parameters.{key}", value)
        elif value is not None and not isinstance(value, dict):
            raise ConfigError(f"{c.where}: rope_parameters.{key} must be an object, found {shown(value)}")
    older = c.table("rope_scaling")  # wins, as in transformers, which does not read its older spelling here
    if "type" in older and "rope_type" not in older:
        raise ConfigError(f"{c.where}: rope_scaling of Gemma 3 says type {shown(older['type'])}; it must say rope_type")
    whole = {**(nested.get("full_attention") or {}), **older}
    local = dict(nested.get("sliding_attention") or {})
    for found, (key, base) in ((whole, whole_base), (local, local_base)):
        beside = c.positive(key)
        found.setdefault("rope_theta", base if beside is None else beside)
        account_for(c, found, "rope_parameters")
    return whole, local


def two_ropes(
    c: Keys, sliding: tuple[int | None, ...], *, whole: _Base = _WHOLE, local: _Base = _LOCAL
) -> tuple[Rope, ...]:
    """Each layer's rotary embedding: one for those that see everything, and one for those with a window."""
    far, near = (rope_of(c, each) for each in parameters(c, whole, local))
    return tuple(far if window is None else near for window in sliding)


def spec(c: Keys) -> Spec:
    c.refuse("attn_logit_softcapping", "no Gemma 3 caps its scores; set it to null")
    # transformers 5 writes the number with an underscore
    c.ignore("_sliding_window_pattern")
    pattern = c.size("sliding_window_pattern" if c.given("sliding_window_pattern") else "_sliding_window_pattern")
    both_ways = c.flag("use_bidirectional_attention")
    sliding = windows(c, default=lambda i: (i + 1) % pattern != 0)
    ropes = two_ropes(c, sliding)
    if both_ways:  # the file says the width of both sides together
        sliding = tuple(width and width // 2 + 1 for width in sliding)
    made = gemma(c, ropes=ropes, windows=sliding, head_norms=True, causal=not both_ways)
    return replace(made, head=None) if both_ways else made


FAMILY = Family(
    defaults={
        **KEYS, "max_position_embeddings": 131072, "num_attention_heads": 8, "_sliding_window_pattern": 6,
        "vocab_size": 262208,
    },
    spec=spec,
    names=SANDWICH,
    prefixes=("language_model.", "model.language_model."),
    unused=("vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."),
)  # fmt: skip
