"""BLOOM: ALiBi instead of positions, a norm on the embeddings, q, k and v stored as one, head by head, tanh gelu."""

from dataclasses import replace

from litz.architectures import alibi
from litz.architectures.base import Family, Keys, Spec, layer_norm, layer_table, plain
from litz.architectures.gpt_neox import fused_layers
from litz.architectures.names import GGUF_FUSED_QKV
from litz.spec import Alibi


def _check_legacy(c: Keys) -> None:
    """Published files carry keys of the training code: precision and fusion, which are ours, and an initial offset."""
    c.ignore("attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion", "offset_alibi",
             "skip_bias_add", "skip_bias_add_qkv")  # fmt: skip
    c.only("intermediate_size", 4 * c.size("hidden_size"), family="BLOOM of this width")
    c.refuse("apply_residual_connection_post_layernorm", "litz adds the residual before the norm")
    if c.flag("slow_but_exact") and c.get("pretraining_tp") != 1:
        c.refuse("slow_but_exact", "it leaves biases out; set it to false")


def spec(c: Keys) -> Spec:
    _check_legacy(c)
    heads, norm = c.size("num_attention_heads"), layer_norm(c, "layer_norm_epsilon")
    slopes = Alibi(alibi.slopes(heads))
    return plain(
        c, norm=norm, activation="gelu_tanh", bias="qkvo", gated=False, mlp_bias=True,
        mlp_width=4 * c.size("hidden_size"), kv_heads=heads, stem=lambda made: replace(made, norm=norm),
        attention=lambda i, made: replace(made, position_bias=slopes),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "hidden_size": 64, "layer_norm_epsilon": 1e-5, "n_head": 8, "n_layer": 2, "pretraining_tp": 1,
        "seq_length": 2048, "tie_word_embeddings": True, "vocab_size": 250880,
    },
    spec=spec,
    names={
        "word_embeddings": "embed", "word_embeddings_layernorm": "embed_norm", "ln_f": "norm", "lm_head": "head",
        **layer_table("h.{i}.", fused_layers("self_attention")),
    },
    prefix="transformer.",
    gguf_names=GGUF_FUSED_QKV,
    aliases={
        "hidden_size": "n_embed", "intermediate_size": "n_inner", "max_position_embeddings": "seq_length",
        "num_attention_heads": "n_head", "num_hidden_layers": "n_layer",
    },
)  # fmt: skip
