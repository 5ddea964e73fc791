"""Llama 1 to 3.x and everything that is built like it (SmolLM, TinyLlama, Yi…): the plain pre-norm decoder."""

from litz.architectures.base import LLAMA, Family, biases, one_rope, plain, rms, stored_interleaved
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    bias, rope = biases(c), one_rope(c, interleaved=stored_interleaved(c))
    return plain(c, norm=rms(c), bias=bias, mlp_bias=c.flag("mlp_bias"), ropes=rope)


FAMILY = Family(
    defaults={"hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6},
    spec=spec,
    names=LLAMA,
)
