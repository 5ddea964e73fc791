"""Phi 1, 1.5 and 2: attention and feed-forward side by side behind one layer norm, biases everywhere, head included.

Only a part of each head rotates. `qk_layernorm` gives q and k one layer norm each, shared by all heads.
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, layer_names, layer_norm, one_rope
from litz.config import Keys
from litz.spec import LayerNorms, Spec


def spec(c: Keys) -> Spec:
    normed = c.flag("qk_layernorm")
    facts = Facts(
        qkv_bias=True, o_bias=True, mlp_bias=True, gated=False, qk_norm="head" if normed else None,
        qk_norm_bias=normed, norm=layer_norm(c), norms=LayerNorms(mlp=False), order="parallel",
        activation=activation(c, "hidden_act"),
    )  # fmt: skip
    return replace(decoder(c, facts, ropes=one_rope(c, partial=True)), head_bias=True)


FAMILY = Family(
    defaults={
        "hidden_act": "gelu_new", "layer_norm_eps": 1e-5, "max_position_embeddings": 2048,
        "partial_rotary_factor": 0.5,
    },
    spec=spec,
    names={
        **LLAMA,
        "model.final_layernorm": "norm",
        **layer_names(
            self_attn__dense="attn.o",
            self_attn__q_layernorm="attn.q_norm",
            self_attn__k_layernorm="attn.k_norm",
            mlp__fc1="mlp.up",
            mlp__fc2="mlp.down",
        ),
    },
)  # fmt: skip
