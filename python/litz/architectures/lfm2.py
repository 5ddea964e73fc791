"""LFM2: short convolutions in most layers, attention with a norm on each head in the others, RMS norms before both.

`intermediate_size` may be that of a feed-forward without a gate, from which two thirds, rounded up, are left.
"""

from dataclasses import replace

from litz.architectures.base import Family, Mixer, layer_names, one_rope, plain
from litz.architectures.names import Conv
from litz.config import Keys
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import Attention, Norm, ShortConv, Spec


def _attends(c: Keys) -> list[bool]:
    """Which layers attend: by `layer_types`, or by the older `full_attn_idxs`; all, without either."""
    layers, older = c.size("num_hidden_layers"), c.get("full_attn_idxs")
    kinds = c.each("layer_types", layers=layers)
    if kinds is None:
        c.each("full_attn_idxs", layers=0, rest=True)
        return [older is None or i in older for i in range(layers)]
    if not all(kind in ("conv", "full_attention") for kind in kinds):
        name = c.name("layer_types")
        raise ConfigError(
            f"{c.where}: {name} must name {layers} layers as 'conv' or 'full_attention', found {shown(kinds)}"
        )
    return [kind == "full_attention" for kind in kinds]


def _width(c: Keys) -> int:
    width, multiple = c.size("intermediate_size"), c.size("block_multiple_of")
    factor, adjusts = c.positive("block_ffn_dim_multiplier"), c.flag("block_auto_adjust_ff_dim")
    if adjusts and factor is None:
        return 2 * width // 3
    return -(-int((factor or 1.0) * (2 * width // 3)) // multiple) * multiple if adjusts else width


def _check_published(c: Keys) -> None:
    """Published files carry keys of the training code, which only say what this family always is."""
    for key in ("block_dim", "conv_dim", "conv_dim_out"):
        c.only(key, c.get("hidden_size"), family="LFM2 of this width")
    c.only("num_heads", c.get("num_attention_heads"), family="LFM2 with as many attention heads")
    for key in ("block_use_swiglu", "use_pos_enc"):
        c.only(key, True, family="LFM2")
    c.ignore("block_mlp_init_scale", "block_norm_eps", "block_out_init_scale", "block_use_xavier_init",
             "conv_use_xavier_init")  # how it was initialised; norm_eps says the epsilon  # fmt: skip


def spec(c: Keys) -> Spec:
    _check_published(c)
    norm, attends = Norm("rms", c.number("norm_eps", least=0.0)), _attends(c)
    conv = ShortConv(c.size("conv_L_cache"), bias=c.flag("conv_bias"))

    def mixer(index: int, made: Attention) -> Mixer:
        return replace(made, q_norm=norm, k_norm=norm) if attends[index] else conv

    return plain(c, norm=norm, activation="silu", mlp_width=_width(c), ropes=one_rope(c, theta=1e6), attention=mixer)


FAMILY = Family(
    defaults={
        "block_auto_adjust_ff_dim": True, "block_ffn_dim_multiplier": 1.0, "block_multiple_of": 256,
        "conv_L_cache": 3, "conv_bias": False, "intermediate_size": 12288, "max_position_embeddings": 128000,
        "norm_eps": 1e-5, "num_key_value_heads": 8, "tie_word_embeddings": True,
    },
    spec=spec,
    names={
        "model.embed_tokens": "embed",
        "model.embedding_norm": "norm",
        "lm_head": "head",
        **layer_names(
            operator_norm="attn_norm",
            ffn_norm="mlp_norm",
            self_attn__q_proj="attn.q",
            self_attn__k_proj="attn.k",
            self_attn__v_proj="attn.v",
            self_attn__out_proj="attn.o",
            self_attn__q_layernorm="attn.q_norm",
            self_attn__k_layernorm="attn.k_norm",
            conv__in_proj=("conv.b", "conv.c", "conv.v"),
            conv__conv=Conv("conv.conv"),
            conv__out_proj="conv.o",
            feed_forward__w1="mlp.gate",
            feed_forward__w3="mlp.up",
            feed_forward__w2="mlp.down",
        ),
    },
    gguf_names={
        "token_embd_norm": "norm",  # so these files call the last one
        "blk.{i}.shortconv.in_proj": tuple(f"layers.{{i}}.conv.{part}" for part in ("b", "c", "v")),
        "blk.{i}.shortconv.conv": "layers.{i}.conv.conv",
        "blk.{i}.shortconv.out_proj": "layers.{i}.conv.o",
    },
    aliases={"intermediate_size": "block_ff_dim", "tie_word_embeddings": "tie_embedding"},
)  # fmt: skip
