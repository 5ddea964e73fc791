"""Qwen 3-MoE: Qwen 3 with experts and none that sees every token; a window, if asked for, is on every layer."""

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, one_rope, rms
from litz.architectures.experts import QWEN_EXPERTS, routed, sparse_layers, with_experts
from litz.config import Keys
from litz.spec import Spec


def _windows(c: Keys) -> tuple[int | None, ...]:
    c.ignore("layer_types", "max_window_layers")  # the reference reads neither
    on = c.given("sliding_window") and c.flag("use_sliding_window")
    return (c.size("sliding_window") if on else None,) * c.size("num_hidden_layers")


def spec(c: Keys) -> Spec:
    act, bias = activation(c, "hidden_act"), c.flag("attention_bias")
    facts = Facts(qkv_bias=bias, o_bias=bias, qk_norm="head", norm=rms(c), activation=act)
    made = decoder(c, facts, ropes=one_rope(c), windows=_windows(c))
    experts = routed(c, act, width="moe_intermediate_size", normalize=c.flag("norm_topk_prob"))
    return with_experts(c, made, experts, where=sparse_layers(c))


FAMILY = Family(
    defaults={
        "decoder_sparse_step": 1, "hidden_act": "silu", "intermediate_size": 6144, "max_position_embeddings": 32768,
        "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6, "sliding_window": 4096,
    },
    spec=spec,
    names={**LLAMA, **QWEN_EXPERTS},
)  # fmt: skip
