"""Mistral: Llama with a sliding window on every layer (v0.1) or on none (`sliding_window: null`)."""

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Spec, one_rope, plain, windows_if_set

KEYS = {"max_position_embeddings": 131072, "num_key_value_heads": 8}


def spec(c: Keys) -> Spec:
    return plain(c, ropes=one_rope(c), windows=windows_if_set(c))


FAMILY = Family(defaults={**LLAMA_KEYS, **KEYS}, spec=spec)
