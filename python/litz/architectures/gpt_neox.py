"""GPT-NeoX and Pythia: q, k and v stored as one, head by head; attention and feed-forward side by side, or not.

Side by side, each has a norm of its own. A quarter of each head rotates.
"""

from litz.architectures.base import Family, Keys, Spec, biases, layer_norm, one_rope, parallel_own_norms, plain, pre
from litz.architectures.names import GGUF_FUSED_QKV, Grouped, Target, layer_table


def fused_layers(attention: str = "attention") -> dict[str, Target]:
    """The tensors of a layer; BLOOM and Falcon call the attention otherwise."""
    return {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "mlp_norm",
        f"{attention}.query_key_value": Grouped("attn.q", "attn.k", "attn.v"), f"{attention}.dense": "attn.o",
        "mlp.dense_h_to_4h": "mlp.up", "mlp.dense_4h_to_h": "mlp.down",
    }  # fmt: skip


def spec(c: Keys) -> Spec:
    return plain(
        c, norm=layer_norm(c), shape=parallel_own_norms if c.flag("use_parallel_residual") else pre, bias=biases(c),
        gated=False, mlp_bias=True, kv_heads=c.size("num_attention_heads"), ropes=one_rope(c, partial=True),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "attention_bias": True, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "max_position_embeddings": 2048,
        "partial_rotary_factor": 0.25, "use_parallel_residual": True,
    },
    spec=spec,
    names={
        "embed_in": "embed", "final_layer_norm": "norm", "lm_head": "head", "embed_out": "head",
        **layer_table("layers.{i}.", {
            **fused_layers(), "attention.rotary_emb.inv_freq": None,
            "attention": None, "attention.masked_bias": None,  # the mask, `attention.bias`
        }),
    },
    prefix="gpt_neox.",
    gguf_names=GGUF_FUSED_QKV,
    aliases={"partial_rotary_factor": "rotary_pct", "rope_theta": "rotary_emb_base"},
)  # fmt: skip
