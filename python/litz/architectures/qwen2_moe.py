"""Qwen 1.5-MoE and Qwen 2-MoE: Qwen 2 with experts, and one more expert, times a gate, that sees every token.

Windows, where they are requested, are on every other layer below `max_window_layers`.
"""

from dataclasses import replace

from litz.architectures import qwen2
from litz.architectures.base import Family, Keys, Sliding, Spec, one_rope, plain, windows_if_used
from litz.architectures.experts import QWEN_EXPERTS, routed, sparse, sparse_layers


def _below_limit(c: Keys) -> Sliding:
    limit = c.count("max_window_layers")
    return lambda layer: layer % 2 == 0 and layer < limit


def spec(c: Keys) -> Spec:
    experts = routed(c, width="moe_intermediate_size", normalize=c.flag("norm_topk_prob"))
    experts = replace(experts, shared_width=c.size("shared_expert_intermediate_size"), shared_gate=True)
    return plain(
        c, bias="qkv" if c.flag("qkv_bias") else "", ropes=one_rope(c), windows=windows_if_used(c, _below_limit),
        feed_forward=sparse(c, experts, where=sparse_layers(c)),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        **qwen2.FAMILY.defaults, "decoder_sparse_step": 1, "intermediate_size": 5632, "moe_intermediate_size": 1408,
        "num_experts": 60, "num_experts_per_tok": 4, "num_key_value_heads": 16, "qkv_bias": True,
        "shared_expert_intermediate_size": 5632,
    },
    spec=spec,
    names=QWEN_EXPERTS,
)  # fmt: skip
