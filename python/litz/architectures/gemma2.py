"""Gemma 2: sandwich norms, softcaps on scores and logits, a window on every other layer, its own attention scale."""

from dataclasses import replace

from litz.architectures.base import SANDWICH, Facts, Family, decoder, one_rope, windows
from litz.architectures.gemma import gemma_activation, gemma_norm
from litz.config import Keys
from litz.spec import LayerNorms, Rope, Spec


def sandwich(c: Keys, *, ropes: tuple[Rope, ...], windows: tuple[int | None, ...]) -> Spec:
    """The Spec that Gemma 2 and Gemma 3 share; their q and k norms differ."""
    c.refuse("use_bidirectional_attention", "litz runs Gemma as a causal model")
    c.get("hidden_act")
    bias = c.flag("attention_bias")
    facts = Facts(
        qkv_bias=bias, o_bias=bias, norm=gemma_norm(c), activation=gemma_activation(c),
        norms=LayerNorms(attn=True, attn_post=True, mlp=True, mlp_post=True),
        scale=c.number("query_pre_attn_scalar", above=0.0) ** -0.5, softcap=c.positive("attn_logit_softcapping"),
    )  # fmt: skip
    made = decoder(c, facts, ropes=ropes, windows=windows)
    return replace(made, embed_scale=made.width**0.5, logit_softcap=c.positive("final_logit_softcapping"))


def spec(c: Keys) -> Spec:
    return sandwich(c, ropes=one_rope(c), windows=windows(c, default=lambda i: i % 2 == 0))


FAMILY = Family(
    defaults={
        "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "head_dim": 256,
        "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 8192, "num_key_value_heads": 4,
        "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6, "sliding_window": 4096, "tie_word_embeddings": True,
    },
    spec=spec,
    names=SANDWICH,
)  # fmt: skip
