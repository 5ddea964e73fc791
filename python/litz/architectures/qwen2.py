"""Qwen 1.5, 2 and 2.5: Llama with biases on q, k and v; windows from `max_window_layers` on, if asked for."""

from litz.architectures.base import LLAMA, Family, one_rope, plain, rms, windows
from litz.config import Keys
from litz.spec import Spec


def qwen_windows(c: Keys) -> tuple[int | None, ...]:
    """`sliding_window` counts only beside `use_sliding_window`: files carry the number and switch it off."""
    if not c.flag("use_sliding_window"):
        c.ignore("sliding_window", "layer_types")
        return (None,) * c.size("num_hidden_layers")
    first = c.count("max_window_layers")
    return windows(c, default=lambda i: i >= first)


def spec(c: Keys) -> Spec:
    return plain(c, norm=rms(c), bias="qkv", ropes=one_rope(c), windows=qwen_windows(c))


FAMILY = Family(
    defaults={
        "hidden_act": "silu", "max_position_embeddings": 32768, "max_window_layers": 28, "num_key_value_heads": 32,
        "rms_norm_eps": 1e-6, "sliding_window": 4096,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
