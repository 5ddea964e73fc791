"""Gemma 1: embeddings times sqrt(width), norm weights stored as w - 1, tanh gelu whatever the file calls it."""

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Spec, activation_of, biases, one_rope, plain, rms, scaled
from litz.spec import Activation, Norm

KEYS = {"head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "max_position_embeddings": 8192, "num_key_value_heads": 16}


def gemma_activation(c: Keys) -> Activation:
    """ "gelu" in these files means the tanh form; `hidden_activation` goes before `hidden_act`."""
    c.get("hidden_act")
    found = activation_of(c, "hidden_activation", "hidden_act")
    return "gelu_tanh" if found == "gelu" else found


def gemma_norm(c: Keys) -> Norm:
    """GGUF files store w itself, everybody else w - 1."""
    return rms(c, offset=0.0 if c.flag("gguf_whole_norms") else 1.0)


def spec(c: Keys) -> Spec:
    c.refuse("use_bidirectional_attention", "litz runs Gemma 1 as a causal model")
    act, stem = gemma_activation(c), scaled(c.size("hidden_size") ** 0.5)
    return plain(c, norm=gemma_norm(c), activation=act, bias=biases(c), ropes=one_rope(c), stem=stem)


FAMILY = Family(defaults={**LLAMA_KEYS, **KEYS, "tie_word_embeddings": True}, spec=spec)
