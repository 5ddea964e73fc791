"""Granite 3: Llama with four multipliers, on the embeddings, scores, residuals and logits."""

from dataclasses import replace

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Spec, biases, one_rope, plain, residual_scaled, scaled

KEYS = {"attention_multiplier": 1.0, "embedding_multiplier": 1.0, "logits_scaling": 1.0, "residual_multiplier": 1.0}


def spec(c: Keys) -> Spec:
    scale, logits = c.number("attention_multiplier"), 1 / c.number("logits_scaling", above=1e-30)
    return plain(
        c, shape=residual_scaled(c.number("residual_multiplier")), bias=biases(c), mlp_bias=c.flag("mlp_bias"),
        ropes=one_rope(c), attention=lambda i, made: replace(made, scale=scale),
        stem=scaled(c.number("embedding_multiplier")), head=scaled(logits),
    )  # fmt: skip


FAMILY = Family(defaults={**LLAMA_KEYS, **KEYS}, spec=spec)
