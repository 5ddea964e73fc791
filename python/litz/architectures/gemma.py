"""Gemma 1: embeddings times sqrt(width), norm weights stored as w - 1, tanh gelu whatever the file calls it."""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, activation_of, biases, one_rope, plain, rms
from litz.config import Keys
from litz.spec import Activation, Norm, Spec, TokenStem


def gemma_activation(c: Keys) -> Activation:
    """ "gelu" in these files means the tanh form."""
    found = activation_of(c, "hidden_activation", "hidden_act")
    return "gelu_tanh" if found == "gelu" else found


def gemma_norm(c: Keys) -> Norm:
    """GGUF files store w itself, everybody else w - 1."""
    return rms(c, offset=0.0 if c.flag("gguf_whole_norms") else 1.0)


def scaled(stem: TokenStem) -> TokenStem:
    """Embeddings are multiplied by the root of their width."""
    return replace(stem, scale=stem.width**0.5)


def spec(c: Keys) -> Spec:
    c.refuse("use_bidirectional_attention", "litz runs Gemma as a causal model")
    c.get("hidden_act")
    return plain(
        c, norm=gemma_norm(c), activation=gemma_activation(c), bias=biases(c), ropes=one_rope(c), stem=scaled
    )


FAMILY = Family(
    defaults={
        "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": 8192, "num_key_value_heads": 16,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
