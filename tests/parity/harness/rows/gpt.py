"""Rows of the families with learned positions, ALiBi, or fused heads."""

from random import Random
from typing import Any

import transformers as hf

from tests.parity.harness.decoders import BOUNDED, EVERY, SMALL, Family, Row, rope
from tests.parity.harness.draws import (
    ACTIVATIONS,
    CONTEXT,
    Keys,
    biases,
    chance,
    depth,
    ffn,
    heads,
    layer_norm,
    random_rope,
    tokens,
)

FALCON_40B = {"new_decoder_architecture": True, "num_kv_heads": 2}
FALCON_RW = {"alibi": True, "bias": True, "multi_query": False, "parallel_attn": False}
OPT_350M = {"do_layer_norm_before": False, "word_embed_proj_dim": 24}


def _falcon(name: str, attention: str = "eager", **keys: Any) -> Row:
    return Row(f"falcon-{name}", hf.FalconConfig, keys, plain=BOUNDED, attention=attention)


def _opt(name: str, **keys: Any) -> Row:
    return Row(f"opt-{name}", hf.OPTConfig, keys, plain={**BOUNDED, "ffn_dim": 48})


def _gpt2(name: str, attention: str = "eager", **keys: Any) -> Row:
    return Row(f"gpt2-{name}", hf.GPT2Config, keys, plain=BOUNDED, attention=attention)


def _bloom(name: str, **keys: Any) -> Row:
    return Row(f"bloom-{name}", hf.BloomConfig, keys, plain=SMALL)


def bloom(draw: Random) -> Keys:
    count, _, dim = heads(draw, (1, 3, 7, 8, 11))
    return {"hidden_size": count * dim, "n_head": count, "n_layer": depth(draw), "tie_word_embeddings": chance(draw),
            **tokens(draw), **layer_norm(draw, "layer_norm_epsilon")}  # fmt: skip


def falcon(draw: Random) -> Keys:
    count, kv_heads, dim = heads(draw)
    keys = {
        "hidden_size": count * dim, "num_attention_heads": count, "num_hidden_layers": depth(draw),
        "ffn_hidden_size": draw.choice([None, ffn(draw)]), "activation": draw.choice(ACTIVATIONS),
        "tie_word_embeddings": chance(draw), "max_position_embeddings": CONTEXT, **tokens(draw),
        **layer_norm(draw, "layer_norm_epsilon"), **biases(draw, "bias"), **random_rope(draw, "linear"),
    }  # fmt: skip
    if chance(draw):
        norms = draw.choice([1, 2])
        return keys | {"new_decoder_architecture": True, "num_kv_heads": kv_heads, "num_ln_in_parallel_attn": norms}
    return keys | biases(draw, "alibi", "multi_query", "parallel_attn")


def gpt2(draw: Random) -> Keys:
    count, _, dim = heads(draw, (1, 3, 7, 8, 11))
    return {
        "n_embd": count * dim, "n_head": count, "n_layer": depth(draw), "n_positions": CONTEXT,
        "n_inner": draw.choice([None, ffn(draw)]), "activation_function": draw.choice(ACTIVATIONS),
        "tie_word_embeddings": chance(draw), **tokens(draw), **layer_norm(draw, "layer_norm_epsilon"),
        **biases(draw, "scale_attn_weights", "scale_attn_by_inverse_layer_idx"),
    }  # fmt: skip


def opt(draw: Random) -> Keys:
    count, _, dim = heads(draw, (1, 3, 7, 8, 11))
    return {
        "hidden_size": count * dim, "num_attention_heads": count, "num_hidden_layers": depth(draw),
        "ffn_dim": ffn(draw), "max_position_embeddings": CONTEXT, "tie_word_embeddings": chance(draw), **tokens(draw),
        "activation_function": draw.choice(ACTIVATIONS),
        "word_embed_proj_dim": draw.choice([count * dim, 5, 20, 40]),
        **biases(draw, "do_layer_norm_before", "enable_bias", "_remove_final_layer_norm"),
    }  # fmt: skip


FAMILIES = {
    "bloom": Family(
        hf.BloomConfig,
        bloom,
        [
            _bloom("four-heads"),
            _bloom("six-heads-untied", hidden_size=48, n_head=6, tie_word_embeddings=False),
        ],
    ),
    "falcon": Family(
        hf.FalconConfig,
        falcon,
        [
            _falcon("7b"),
            _falcon("7b-biased-untied", bias=True, tie_word_embeddings=False, ffn_hidden_size=51),
            _falcon("40b", **FALCON_40B),
            _falcon("11b", **FALCON_40B, num_ln_in_parallel_attn=1, bias=True),
            # The reference's eager attention adds ALiBi twice to Falcon; its default does not.
            _falcon("rw", "sdpa", **FALCON_RW),
            _falcon("rw-six-heads", "sdpa", **FALCON_RW, hidden_size=48, num_attention_heads=6),
            _falcon("alibi-parallel", "sdpa", alibi=True),
            _falcon("rope-in-turn", multi_query=False, parallel_attn=False, **rope("dynamic", factor=2.0)),
        ],
        # Biases, ALiBi and other orders of Falcon are unknown to the format.
        without_gguf=(
            "falcon-7b-biased-untied", "falcon-11b", "falcon-rw", "falcon-rw-six-heads", "falcon-alibi-parallel",
            "falcon-rope-in-turn",
        ),
        only_gguf=[
            _falcon("11b-unbiased", **FALCON_40B, num_ln_in_parallel_attn=1),
            _falcon("odd-feed-forward", ffn_hidden_size=51),
        ],
    ),
    "gpt2": Family(
        hf.GPT2Config,
        gpt2,
        [
            _gpt2("plain"),
            _gpt2("odd-feed-forward", n_inner=51, activation_function="relu"),
            # Reordered, the reference's eager attention wants float32 throughout.
            _gpt2("by-layer", "sdpa", scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True),
            _gpt2("unscaled-untied", scale_attn_weights=False, tie_word_embeddings=False),
        ],
        # Activations and the scales of attention are not written.
        without_gguf=("gpt2-odd-feed-forward", "gpt2-by-layer", "gpt2-unscaled-untied"),
        only_gguf=[_gpt2("odd-feed-forward-untied", n_inner=51, tie_word_embeddings=False)],
    ),
    "opt": Family(
        hf.OPTConfig,
        opt,
        [
            _opt("pre-norm"),
            _opt("350m", **OPT_350M),
            _opt("350m-untied", **OPT_350M, tie_word_embeddings=False),
            _opt("projected-pre-norm", word_embed_proj_dim=40),
            _opt("unbiased-gelu", enable_bias=False, activation_function="gelu"),
            _opt("no-final-norm", _remove_final_layer_norm=True),
        ],
        # The format has no OPT.
        without_gguf=EVERY,
    ),
}  # fmt: skip
