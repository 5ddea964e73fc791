"""Llama 1 to 3.x and everything that is built like it (SmolLM, TinyLlama, Yi…): the plain pre-norm decoder."""

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, one_rope, rms, stored_interleaved
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    bias = c.flag("attention_bias")
    facts = Facts(
        qkv_bias=bias, o_bias=bias, mlp_bias=c.flag("mlp_bias"), norm=rms(c), activation=activation(c, "hidden_act")
    )
    return decoder(c, facts, ropes=one_rope(c, interleaved=stored_interleaved(c)))


FAMILY = Family(
    defaults={"hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6},
    spec=spec,
    names=LLAMA,
)
