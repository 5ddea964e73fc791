"""Qwen 3: a norm on each head of q and k, a head size of its own, no biases unless asked for."""

from collections.abc import Callable
from dataclasses import replace

from litz.architectures.base import LLAMA, Family, biases, one_rope, plain, rms
from litz.architectures.qwen2 import qwen_windows
from litz.config import Keys
from litz.spec import Attention, Norm, Spec


def head_norms(norm: Norm) -> Callable[[int, Attention], Attention]:
    """The norm on each head of q and k, one weight for all heads."""
    return lambda index, attention: replace(attention, q_norm=norm, k_norm=norm)


def spec(c: Keys) -> Spec:
    norm = rms(c)
    return plain(c, norm=norm, bias=biases(c), ropes=one_rope(c), windows=qwen_windows(c), attention=head_norms(norm))


FAMILY = Family(
    defaults={
        "head_dim": 128, "hidden_act": "silu", "max_position_embeddings": 32768, "max_window_layers": 28,
        "num_key_value_heads": 32, "rms_norm_eps": 1e-6, "sliding_window": 4096,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
