"""Gemma 1: embeddings times sqrt(width), norm weights stored as w - 1, tanh gelu whatever the file calls it."""

from dataclasses import replace

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, one_rope, rms
from litz.config import Keys
from litz.spec import Activation, Norm, Spec


def gemma_activation(c: Keys) -> Activation:
    """ "gelu" in these files means the tanh form."""
    found = activation(c, "hidden_activation", "hidden_act")
    return "gelu_tanh" if found == "gelu" else found


def gemma_norm(c: Keys) -> Norm:
    """GGUF files store w itself, everybody else w - 1."""
    return rms(c, offset=0.0 if c.flag("gguf_whole_norms") else 1.0)


def spec(c: Keys) -> Spec:
    c.refuse("use_bidirectional_attention", "litz runs Gemma as a causal model")
    bias = c.flag("attention_bias")
    c.get("hidden_act")
    facts = Facts(qkv_bias=bias, o_bias=bias, norm=gemma_norm(c), activation=gemma_activation(c))
    made = decoder(c, facts, ropes=one_rope(c))
    return replace(made, embed_scale=made.width**0.5)


FAMILY = Family(
    defaults={
        "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": 8192, "num_key_value_heads": 16,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
