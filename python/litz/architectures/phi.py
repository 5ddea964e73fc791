"""Phi 1, 1.5 and 2: attention and feed-forward side by side behind one layer norm, biases everywhere, head included.

Only a part of each head rotates. `qk_layernorm` gives q and k one layer norm each, shared by all heads.
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, layer_names, layer_norm, one_rope, parallel, plain, qk_norms
from litz.config import Keys
from litz.spec import Spec

KEYS = {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5, "max_position_embeddings": 2048, "partial_rotary_factor": 0.5}
NAMES = layer_names(
    self_attn__dense="attn.o", self_attn__q_layernorm="attn.q_norm", self_attn__k_layernorm="attn.k_norm",
    mlp__fc1="mlp.up", mlp__fc2="mlp.down",
)  # fmt: skip


def spec(c: Keys) -> Spec:
    norm = layer_norm(c)
    return plain(
        c, norm=norm, shape=parallel, bias="qkvo", gated=False, mlp_bias=True, ropes=one_rope(c, partial=True),
        attention=qk_norms(norm if c.flag("qk_layernorm") else None), head=lambda made: replace(made, bias=True),
    )  # fmt: skip


FAMILY = Family(defaults=KEYS, spec=spec, names={**LLAMA, **NAMES, "model.final_layernorm": "norm"})
