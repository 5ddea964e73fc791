"""OPT and Galactica: learned positions from row 2 on, layer norms before (or, in the 350M, behind) each part, relu.

The 350M's embeddings are narrower than its layers: a projection follows them, another leads the head.
"""

from dataclasses import replace
from typing import Literal

from litz.architectures.base import Family, Keys, Spec, activation_of, biases, layer_table, plain, post, pre
from litz.spec import Norm, Positions, TokenStem


def spec(c: Keys) -> Spec:
    c.only("layer_norm_elementwise_affine", True, family="OPT that litz runs")
    c.only("learned_embeddings", True, family="OPT")
    c.refuse("scale_embeddings", "OPT's embeddings are used as they are")
    before, width, rows = c.flag("do_layer_norm_before"), c.size("hidden_size"), c.size("max_position_embeddings")
    narrow = width if c.get("word_embed_proj_dim") is None else c.size("word_embed_proj_dim")

    def stem(made: TokenStem) -> TokenStem:
        project: Literal["first"] | None = None if narrow == width else "first"
        return replace(made, width=narrow, project=project, positions=Positions(rows + 2, offset=2))

    made = plain(
        c, norm=Norm("layer", 1e-5, bias=True), shape=pre if before else post, gated=False,
        activation=activation_of(c, "activation_function"), bias=biases(c, "enable_bias"),
        mlp_bias=c.flag("enable_bias"), kv_heads=c.size("num_attention_heads"), stem=stem,
        head=lambda made: replace(made, width=narrow, project=narrow != width),
    )  # fmt: skip
    ends = not c.flag("_remove_final_layer_norm") and before
    return made if ends else replace(made, towers={"text": replace(made.main, norm=None)})


FAMILY = Family(
    defaults={
        "activation_function": "relu", "do_layer_norm_before": True, "enable_bias": True, "ffn_dim": 3072,
        "hidden_size": 768, "max_position_embeddings": 2048,
        "num_attention_heads": 12, "num_hidden_layers": 12, "tie_word_embeddings": True, "vocab_size": 50272,
    },
    spec=spec,
    names={
        "model.decoder.embed_tokens": "embed", "model.decoder.embed_positions": "positions",
        "model.decoder.project_in": "project_in", "model.decoder.project_out": "project_out",
        "model.decoder.final_layer_norm": "norm", "lm_head": "head",
        **layer_table("model.decoder.layers.{i}.", {
            "self_attn_layer_norm": "attn_norm", "final_layer_norm": "mlp_norm",
            "self_attn.q_proj": "attn.q", "self_attn.k_proj": "attn.k", "self_attn.v_proj": "attn.v",
            "self_attn.out_proj": "attn.o", "fc1": "mlp.up", "fc2": "mlp.down",
        }),
    },
    aliases={"intermediate_size": "ffn_dim"},
)  # fmt: skip
