"""Falcon: 7B (one key head, side by side behind one norm), 40B and 180B (grouped key heads, a norm for each side),
11B (grouped, one norm), and the RefinedWeb models (ALiBi, one after the other, biases).

ALiBi is divided by the root of the head's size, as the scores are, and its slopes are rounded to bfloat16.
"""

import struct
from dataclasses import replace

from litz.architectures import alibi
from litz.architectures.base import (
    Family,
    Keys,
    Shape,
    Spec,
    activation_of,
    biases,
    four_times_width,
    head_dim,
    layer_norm,
    layer_table,
    one_rope,
    parallel,
    parallel_own_norms,
    plain,
    pre,
)
from litz.architectures.gpt_neox import fused_layers
from litz.architectures.names import GGUF_FUSED_QKV, Names
from litz.errors import ConfigError
from litz.spec import Alibi, Rope


def _bf16(value: float) -> float:
    """Rounds to the nearest bfloat16, half to even."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    rounded: float = struct.unpack("<f", struct.pack("<I", (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000))[0]
    return rounded


def _positions(c: Keys) -> tuple[Rope | None, Alibi | None]:
    if not c.flag("alibi"):
        return one_rope(c), None
    c.ignore("rope_parameters", "rope_scaling", "rope_theta", "partial_rotary_factor")
    slopes = alibi.slopes(c.size("num_attention_heads"))
    return None, Alibi(tuple(_bf16(slope) * head_dim(c) ** -0.5 for slope in slopes))


def _kv_heads(c: Keys, *, grouped: bool) -> int:
    """`num_kv_heads` counts in the newer architecture only; older files carry it and mean one or all."""
    heads = c.size("num_attention_heads")
    given = heads if c.get("num_key_value_heads") is None else c.size("num_key_value_heads")
    if c.flag("multi_query") and not grouped:
        return 1
    if given != heads and not grouped:
        name = c.name("num_key_value_heads")
        raise ConfigError(f"{c.where}: {name} = {given} needs new_decoder_architecture = true, or all {heads} heads")
    return given


def _shape(c: Keys, *, grouped: bool) -> Shape:
    """How a layer's parts and norms stand; combinations that no Falcon has are refused."""
    side_by_side, norms = c.flag("parallel_attn"), 2 if grouped else 1
    if c.get("num_ln_in_parallel_attn") is not None:
        norms = c.size("num_ln_in_parallel_attn")
    if grouped and not side_by_side:
        raise ConfigError(f"{c.where}: new_decoder_architecture = true needs parallel_attn = true")
    if side_by_side and (norms not in (1, 2) or (norms == 2 and not grouped)):
        raise ConfigError(
            f"{c.where}: num_ln_in_parallel_attn = {norms}; expected 1, or 2 with new_decoder_architecture"
        )
    return pre if not side_by_side else parallel_own_norms if norms == 2 else parallel


def spec(c: Keys) -> Spec:
    c.only("ff_factor", four_times_width(c) // c.size("hidden_size"), family="Falcon with this ffn_hidden_size")
    c.refuse("apply_residual_connection_post_layernorm", "litz adds the residual before the norm")
    grouped, (rope, bias) = c.flag("new_decoder_architecture"), _positions(c)
    return plain(
        c, norm=layer_norm(c, "layer_norm_epsilon"), shape=_shape(c, grouped=grouped), bias=biases(c, "bias"),
        activation=activation_of(c, "activation"), gated=False, mlp_bias=c.flag("bias"), ropes=rope,
        mlp_width=four_times_width(c), kv_heads=_kv_heads(c, grouped=grouped),
        attention=lambda i, made: replace(made, position_bias=bias),
    )  # fmt: skip


_ONE_NORM = layer_table("h.{i}.", {"input_layernorm": "attn_norm", "post_attention_layernorm": "mlp_norm"})
_TWO_NORMS = layer_table("h.{i}.", {"ln_attn": "attn_norm", "ln_mlp": "mlp_norm"})


def _norms(spec: Spec) -> Names:
    """Side by side, each behind its norm, they have other names than one after the other."""
    return _TWO_NORMS if spec.layers and any(branch.before for branch in spec.layers[0][0].branches[1:]) else _ONE_NORM


FAMILY = Family(
    defaults={
        "activation": "gelu", "alibi": False, "bias": False, "ffn_hidden_size": None, "hidden_size": 4544,
        "layer_norm_epsilon": 1e-5, "max_position_embeddings": 2048, "multi_query": True,
        "new_decoder_architecture": False, "num_attention_heads": 71, "num_hidden_layers": 32, "parallel_attn": True,
        "tie_word_embeddings": True, "vocab_size": 65024,
    },
    spec=spec,
    names={
        "word_embeddings": "embed", "ln_f": "norm", "lm_head": "head",
        **layer_table("h.{i}.", fused_layers("self_attention")), **_TWO_NORMS,
    },
    written=_norms,
    prefix="transformer.",
    gguf_names=GGUF_FUSED_QKV,
    aliases={
        "hidden_size": "n_embed", "intermediate_size": "ffn_hidden_size", "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer", "num_key_value_heads": "num_kv_heads",
    },
)  # fmt: skip
