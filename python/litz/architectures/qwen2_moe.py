"""Qwen 1.5-MoE and Qwen 2-MoE: Qwen 2 with experts, and one more expert, times a gate, that sees every token.

Windows, where they are asked for, are on every other layer below `max_window_layers`.
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, one_rope, plain, rms, windows
from litz.architectures.experts import QWEN_EXPERTS, routed, sparse, sparse_layers
from litz.config import Keys
from litz.spec import Spec


def _windows(c: Keys) -> tuple[int | None, ...]:
    if not c.flag("use_sliding_window"):
        c.ignore("sliding_window", "layer_types")
        return (None,) * c.size("num_hidden_layers")
    limit = c.count("max_window_layers")
    return windows(c, default=lambda i: i % 2 == 0 and i < limit)


def spec(c: Keys) -> Spec:
    experts = routed(c, width="moe_intermediate_size", normalize=c.flag("norm_topk_prob"))
    experts = replace(experts, shared_width=c.size("shared_expert_intermediate_size"), shared_gate=True)
    return plain(
        c, norm=rms(c), bias="qkv" if c.flag("qkv_bias") else "", ropes=one_rope(c), windows=_windows(c),
        feed_forward=sparse(c, experts, where=sparse_layers(c)),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "decoder_sparse_step": 1, "hidden_act": "silu", "intermediate_size": 5632, "max_position_embeddings": 32768,
        "max_window_layers": 28, "moe_intermediate_size": 1408, "num_experts": 60, "num_experts_per_tok": 4,
        "num_key_value_heads": 16, "qkv_bias": True, "rms_norm_eps": 1e-6, "shared_expert_intermediate_size": 5632,
        "sliding_window": 4096,
    },
    spec=spec,
    names={**LLAMA, **QWEN_EXPERTS},
)  # fmt: skip
