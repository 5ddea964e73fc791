"""Granite 3: Llama with four multipliers, on the embeddings, scores, residuals and logits."""

from dataclasses import replace

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, one_rope, rms, stored_interleaved
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    bias = c.flag("attention_bias")
    facts = Facts(
        qkv_bias=bias, o_bias=bias, mlp_bias=c.flag("mlp_bias"), norm=rms(c), activation=activation(c, "hidden_act"),
        scale=c.number("attention_multiplier"),
    )  # fmt: skip
    made = decoder(c, facts, ropes=one_rope(c, interleaved=stored_interleaved(c)))
    return replace(
        made, embed_scale=c.number("embedding_multiplier"), residual_scale=c.number("residual_multiplier"),
        logit_scale=1 / c.number("logits_scaling", above=1e-30),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "attention_multiplier": 1.0, "embedding_multiplier": 1.0, "hidden_act": "silu", "logits_scaling": 1.0,
        "max_position_embeddings": 2048, "residual_multiplier": 1.0, "rms_norm_eps": 1e-6,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
