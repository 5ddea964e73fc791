"""OPT and Galactica: learned positions from row 2 on, layer norms before (or, in the 350M, behind) each part, relu.

The 350M's embeddings are narrower than its layers: a projection follows them, another leads the head.
"""

from dataclasses import replace

from litz.architectures.base import Facts, Family, activation, decoder
from litz.architectures.names import layer_table
from litz.config import Keys
from litz.spec import Norm, Positions, Spec


def spec(c: Keys) -> Spec:
    c.only("layer_norm_elementwise_affine", True, family="OPT that litz runs")
    c.only("learned_embeddings", True, family="OPT")
    c.refuse("scale_embeddings", "OPT's embeddings are used as they are")
    bias, before = c.flag("enable_bias"), c.flag("do_layer_norm_before")
    facts = Facts(
        qkv_bias=bias, o_bias=bias, mlp_bias=bias, gated=False, norm=Norm("layer", 1e-5, bias=True),
        kv_heads=c.size("num_attention_heads"),
        order="pre" if before else "post", activation=activation(c, "activation_function"),
    )  # fmt: skip
    made = decoder(c, facts)
    narrow = made.width if c.get("word_embed_proj_dim") is None else c.size("word_embed_proj_dim")
    return replace(
        made, positions=Positions(made.context + 2, offset=2), embed_width=None if narrow == made.width else narrow,
        final_norm=not c.flag("_remove_final_layer_norm") and before,
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "activation_function": "relu", "do_layer_norm_before": True, "enable_bias": True, "ffn_dim": 3072,
        "hidden_size": 768, "max_position_embeddings": 2048,
        "num_attention_heads": 12, "num_hidden_layers": 12, "tie_word_embeddings": True, "vocab_size": 50272,
    },
    spec=spec,
    names={
        "model.decoder.embed_tokens": "embed",
        "model.decoder.embed_positions": "positions",
        "model.decoder.project_in": "project_in",
        "model.decoder.project_out": "project_out",
        "model.decoder.final_layer_norm": "norm",
        "lm_head": "head",
        **layer_table(
            "model.decoder.layers.{i}.",
            {
                "self_attn_layer_norm": "attn_norm",
                "final_layer_norm": "mlp_norm",
                "self_attn.q_proj": "attn.q",
                "self_attn.k_proj": "attn.k",
                "self_attn.v_proj": "attn.v",
                "self_attn.out_proj": "attn.o",
                "fc1": "mlp.up",
                "fc2": "mlp.down",
            },
        ),
    },
    aliases={"intermediate_size": "ffn_dim"},
)  # fmt: skip
