"""Qwen 3: a norm on each head of q and k, a head size of its own, no biases unless asked for."""

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, one_rope, rms
from litz.architectures.qwen2 import qwen_windows
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    bias = c.flag("attention_bias")
    facts = Facts(qkv_bias=bias, o_bias=bias, qk_norm="head", norm=rms(c), activation=activation(c, "hidden_act"))
    return decoder(c, facts, ropes=one_rope(c), windows=qwen_windows(c))


FAMILY = Family(
    defaults={
        "head_dim": 128, "hidden_act": "silu", "max_position_embeddings": 32768, "max_window_layers": 28,
        "num_key_value_heads": 32, "rms_norm_eps": 1e-6, "sliding_window": 4096,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
