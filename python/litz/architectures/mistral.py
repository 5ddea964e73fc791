"""Mistral: Llama with a sliding window on every layer (v0.1) or on none (`sliding_window: null`)."""

from litz.architectures.base import LLAMA, Family, one_rope, plain, rms, stored_interleaved, windows
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    sliding = windows(c, default=lambda i: c.given("sliding_window"))
    return plain(c, norm=rms(c), ropes=one_rope(c, interleaved=stored_interleaved(c)), windows=sliding)


FAMILY = Family(
    defaults={"hidden_act": "silu", "max_position_embeddings": 131072, "num_key_value_heads": 8, "rms_norm_eps": 1e-6},
    spec=spec,
    names=LLAMA,
)
