"""Cohere's Command R: attention and feed-forward side by side behind one layer norm without bias, scaled logits.

Rotary pairs are neighbours. `use_qk_norm` (Command R+) gives every head of q and k a layer norm of its own.
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, layer_norm, one_rope
from litz.config import Keys
from litz.spec import LayerNorms, Spec


def spec(c: Keys) -> Spec:
    c.ignore("model_max_length")  # what the tokenizer should warn about
    bias = c.flag("attention_bias")
    facts = Facts(
        qkv_bias=bias, o_bias=bias, qk_norm="each" if c.flag("use_qk_norm") else None,
        norm=layer_norm(c, bias=False), norms=LayerNorms(mlp=False), order="parallel",
        activation=activation(c, "hidden_act"),
    )  # fmt: skip
    made = decoder(c, facts, ropes=one_rope(c, theta=500000.0, interleaved=True))
    return replace(made, logit_scale=c.number("logit_scale"))


FAMILY = Family(
    defaults={
        "hidden_act": "silu", "layer_norm_eps": 1e-5, "logit_scale": 0.0625, "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
