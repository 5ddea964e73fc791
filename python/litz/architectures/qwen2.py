"""Qwen 1.5, 2 and 2.5: Llama with biases on q, k and v; windows from `max_window_layers` on, if requested."""

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Sliding, Spec, one_rope, plain, windows_if_used

KEYS = {"max_position_embeddings": 32768, "max_window_layers": 28, "num_key_value_heads": 32, "sliding_window": 4096}


def from_limit(c: Keys) -> Sliding:
    """Whether a layer has a window: those from `max_window_layers` on."""
    limit = c.count("max_window_layers")
    return lambda layer: layer >= limit


def spec(c: Keys) -> Spec:
    return plain(c, bias="qkv", ropes=one_rope(c), windows=windows_if_used(c, from_limit))


FAMILY = Family(defaults={**LLAMA_KEYS, **KEYS}, spec=spec)
