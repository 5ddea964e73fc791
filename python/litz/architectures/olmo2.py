"""OLMo 2: Llama whose norms follow attention and feed-forward instead of leading them; q and k are normed whole."""

from litz.architectures.base import LLAMA, Facts, Family, activation, decoder, layer_names, one_rope, rms
from litz.config import Keys
from litz.spec import LayerNorms, Spec


def spec(c: Keys) -> Spec:
    bias = c.flag("attention_bias")
    facts = Facts(
        qkv_bias=bias, o_bias=bias, qk_norm="whole", norm=rms(c), activation=activation(c, "hidden_act"),
        norms=LayerNorms(attn=False, attn_post=True, mlp=False, mlp_post=True),
    )  # fmt: skip
    return decoder(c, facts, ropes=one_rope(c))


FAMILY = Family(
    defaults={"hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-5},
    spec=spec,
    names={
        **LLAMA,
        **layer_names(post_attention_layernorm="attn_post_norm", post_feedforward_layernorm="mlp_post_norm"),
    },
)
