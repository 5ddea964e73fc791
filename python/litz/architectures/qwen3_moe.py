"""Qwen 3-MoE: Qwen 3 with experts and none that sees every token; a window, if requested, is on every layer."""

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Spec, biases, one_rope, plain, qk_norms, rms
from litz.architectures.experts import QWEN_EXPERTS, routed, sparse, sparse_layers


def _windows(c: Keys) -> tuple[int | None, ...]:
    c.ignore("layer_types", "max_window_layers")  # the reference reads neither
    on = c.given("sliding_window") and c.flag("use_sliding_window")
    return (c.size("sliding_window") if on else None,) * c.size("num_hidden_layers")


def spec(c: Keys) -> Spec:
    experts = routed(c, width="moe_intermediate_size", normalize=c.flag("norm_topk_prob"))
    return plain(
        c, bias=biases(c), ropes=one_rope(c), windows=_windows(c), attention=qk_norms(rms(c)),
        feed_forward=sparse(c, experts, where=sparse_layers(c)),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        **LLAMA_KEYS, "decoder_sparse_step": 1, "intermediate_size": 6144, "max_position_embeddings": 32768,
        "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "num_key_value_heads": 4,
        "sliding_window": 4096,
    },
    spec=spec,
    names=QWEN_EXPERTS,
)  # fmt: skip
