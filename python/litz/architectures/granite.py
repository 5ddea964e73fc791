"""Granite 3: Llama with four multipliers, on the embeddings, scores, residuals and logits."""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, Shape, biases, one_rope, plain, pre, rms, stored_interleaved
from litz.config import Keys
from litz.spec import Spec, Sum


def _scaled(scale: float) -> Shape:
    """Pre-norm layers whose branches are multiplied before they are added."""
    return lambda attention, mlp, norm: tuple(
        Sum(tuple(replace(branch, scale=scale) for branch in total.branches)) for total in pre(attention, mlp, norm)
    )


def spec(c: Keys) -> Spec:
    scale, logits = c.number("attention_multiplier"), 1 / c.number("logits_scaling", above=1e-30)
    embed = c.number("embedding_multiplier")
    return plain(
        c, norm=rms(c), shape=_scaled(c.number("residual_multiplier")), bias=biases(c), mlp_bias=c.flag("mlp_bias"),
        ropes=one_rope(c, interleaved=stored_interleaved(c)), attention=lambda i, made: replace(made, scale=scale),
        stem=lambda made: replace(made, scale=embed), head=lambda made: replace(made, scale=logits),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "attention_multiplier": 1.0, "embedding_multiplier": 1.0, "hidden_act": "silu", "logits_scaling": 1.0,
        "max_position_embeddings": 2048, "residual_multiplier": 1.0, "rms_norm_eps": 1e-6,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
