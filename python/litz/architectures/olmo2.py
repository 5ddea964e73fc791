"""OLMo 2: Llama whose norms follow attention and feed-forward instead of leading them; q and k are normed whole."""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, biases, layer_names, one_rope, output_norms, plain, rms
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    norm = rms(c)
    return plain(
        c, norm=norm, shape=output_norms, bias=biases(c), ropes=one_rope(c),
        attention=lambda i, made: replace(made, q_norm=norm, k_norm=norm, norm_over="whole"),
    )  # fmt: skip


FAMILY = Family(
    defaults={"hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-5},
    spec=spec,
    names={
        **LLAMA,
        **layer_names(post_attention_layernorm="attn_post_norm", post_feedforward_layernorm="mlp_post_norm"),
    },
)
