"""Gemma 2: sandwich norms, softcaps on scores and logits, a window on every other layer, its own attention scale."""

from collections.abc import Iterable
from dataclasses import replace

from litz.architectures.base import SANDWICH, Family, Keys, Spec, biases, one_rope, plain, sandwich, scaled, windows
from litz.architectures.gemma import gemma_activation, gemma_norm
from litz.spec import Attention, Rope


def gemma(
    c: Keys, *, ropes: Rope | Iterable[Rope], windows: tuple[int | None, ...], head_norms: bool = False,
    causal: bool = True,
) -> Spec:  # fmt: skip
    """What Gemma 2 and Gemma 3 share; Gemma 3 norms each head of q and k, and may read both ways."""
    norm, scale = gemma_norm(c), c.number("query_pre_attn_scalar", above=0.0) ** -0.5
    softcap, cap = c.positive("attn_logit_softcapping"), c.positive("final_logit_softcapping")
    qk_norm = norm if head_norms else None

    def attention(index: int, made: Attention) -> Attention:
        return replace(made, scale=scale, softcap=softcap, q_norm=qk_norm, k_norm=qk_norm)

    return plain(
        c, norm=norm, shape=sandwich, activation=gemma_activation(c), bias=biases(c), causal=causal, ropes=ropes,
        windows=windows, attention=attention, stem=scaled(c.size("hidden_size") ** 0.5),
        head=lambda made: replace(made, softcap=cap),
    )  # fmt: skip


def spec(c: Keys) -> Spec:
    c.refuse("use_bidirectional_attention", "litz runs Gemma 2 as a causal model")
    return gemma(c, ropes=one_rope(c), windows=windows(c, default=lambda i: i % 2 == 0))


KEYS = {
    "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "num_key_value_heads": 4, "query_pre_attn_scalar": 256,
    "rms_norm_eps": 1e-6, "sliding_window": 4096, "tie_word_embeddings": True,
}  # fmt: skip
CAPS = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
FAMILY = Family(defaults={**KEYS, **CAPS, "max_position_embeddings": 8192}, spec=spec, names=SANDWICH)
