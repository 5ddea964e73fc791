"""SmolLM3: Llama in which every fourth layer has no rotary embedding."""

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Spec, biases, one_rope, plain, windows_if_used
from litz.errors import ConfigError
from litz.numbers import shown

KEYS = {"max_position_embeddings": 32768, "no_rope_layer_interval": 4, "num_key_value_heads": 4}


def _rotated(c: Keys) -> list[int]:
    """1 for each layer that rotates, else 0: what `no_rope_layers` says."""
    layers, interval = c.size("num_hidden_layers"), c.size("no_rope_layer_interval")
    rotated = c.each("no_rope_layers", layers=layers)
    if rotated is None:
        return [int((i + 1) % interval != 0) for i in range(layers)]
    if not all(value in (0, 1) for value in rotated):
        raise ConfigError(f"{c.where}: no_rope_layers must hold 0 or 1 for each layer, found {shown(rotated)}")
    return rotated


def spec(c: Keys) -> Spec:
    rotated, rope = _rotated(c), one_rope(c, theta=2000000.0)
    return plain(
        c, bias=biases(c), mlp_bias=c.flag("mlp_bias"), ropes=(rope if on else None for on in rotated),
        windows=windows_if_used(c, lambda c: lambda layer: not rotated[layer]),
    )  # fmt: skip


FAMILY = Family(defaults={**LLAMA_KEYS, **KEYS, "tie_word_embeddings": True}, spec=spec)
