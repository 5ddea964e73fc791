"""Llama 1 to 3.x and everything that is built like it (SmolLM, TinyLlama, Yi…): the plain pre-norm decoder."""

from litz.architectures.base import LLAMA_KEYS, Family, Keys, Spec, biases, one_rope, plain


def spec(c: Keys) -> Spec:
    return plain(c, bias=biases(c), mlp_bias=c.flag("mlp_bias"), ropes=one_rope(c))


FAMILY = Family(defaults=LLAMA_KEYS, spec=spec)
