"""GPT-2: learned positions, layer norms, biases everywhere, and matrices that are stored transposed.

Published files often lack the prefix `transformer.` and carry the causal mask as a tensor.
"""

from dataclasses import replace

from litz.architectures.base import Family, Keys, Spec, activation_of, four_times_width, head_dim, layer_norm, plain
from litz.architectures.names import GGUF_FUSED_QKV, Transposed, layer_table
from litz.spec import Attention, Positions


def spec(c: Keys) -> Spec:
    c.ignore("n_ctx", "reorder_and_upcast_attn")  # repeats n_positions; rounding is the kernels' affair
    c.refuse("add_cross_attention", "litz runs GPT-2 as a decoder alone")
    scale = head_dim(c) ** -0.5 if c.flag("scale_attn_weights") else 1.0
    by_layer, rows = c.flag("scale_attn_by_inverse_layer_idx"), c.size("max_position_embeddings")

    def attention(index: int, made: Attention) -> Attention:
        return replace(made, scale=scale / (index + 1 if by_layer else 1))  # Mistral's GPT-2s

    return plain(
        c, norm=layer_norm(c, "layer_norm_epsilon"), activation=activation_of(c, "activation_function"), bias="qkvo",
        gated=False, mlp_bias=True, mlp_width=four_times_width(c), kv_heads=c.size("num_attention_heads"),
        attention=attention, stem=lambda made: replace(made, positions=Positions(rows)),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "n_embd": 768, "n_head": 12, "n_inner": None,
        "n_layer": 12, "n_positions": 1024, "scale_attn_weights": True, "tie_word_embeddings": True,
        "vocab_size": 50257,
    },
    spec=spec,
    names={
        "wte": "embed", "wpe": "positions", "ln_f": "norm", "lm_head": "head",
        **layer_table("h.{i}.", {
            "ln_1": "attn_norm", "ln_2": "mlp_norm",
            "attn": None, "attn.masked_bias": None,  # the mask, `attn.bias`
            "attn.c_attn": Transposed("attn.q", "attn.k", "attn.v"), "attn.c_proj": Transposed("attn.o"),
            "mlp.c_fc": Transposed("mlp.up"), "mlp.c_proj": Transposed("mlp.down"),
        }),
    },
    prefix="transformer.",
    gguf_names=GGUF_FUSED_QKV,
    aliases={
        "hidden_size": "n_embd", "intermediate_size": "n_inner", "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head", "num_hidden_layers": "n_layer",
    },
)  # fmt: skip
