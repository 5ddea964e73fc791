"""gpt-oss: experts with biases and clamped gates in every layer, attention with sinks, a window on every other layer.

`hidden_act` says "silu" and means x * sigmoid(1.702 x). Stored matrices of experts have gate and up rows in turn:
(experts, in, out) where they are floats, (experts, out, in) where they are MXFP4, codes and scales apart.
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, biases, layer_names, one_rope, plain, rms, windows
from litz.architectures.experts import routed, sparse
from litz.architectures.names import Experts
from litz.config import Keys
from litz.spec import Moe, Spec

_EACH = "moe.experts.{e}"
_GATE_UP = (f"{_EACH}.gate.weight", f"{_EACH}.up.weight")


def _experts(c: Keys) -> Moe:
    for key, value in (("hidden_act", "silu"), ("swiglu_alpha", 1.702)):
        c.only(key, value, family="gpt-oss")
    c.only("experts_per_token", c.get("num_experts_per_tok"), family="gpt-oss with as many experts for a token")
    made = routed(c, width="intermediate_size", normalize=True)
    return replace(
        made, activation="quick_gelu", bias=True, limit=c.number("swiglu_limit", above=0.0), up_offset=1.0,
        router=replace(made.router, bias=True),
    )  # fmt: skip


def spec(c: Keys) -> Spec:
    c.ignore("initial_context_length")  # the rope scaling says it
    return plain(
        c, norm=replace(rms(c), late=True), bias=biases(c), ropes=one_rope(c, theta=150000.0),
        windows=windows(c, default=lambda i: i % 2 == 0),
        attention=lambda i, made: replace(made, sinks=True), feed_forward=sparse(c, _experts(c)),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "attention_bias": True, "head_dim": 64, "hidden_act": "silu", "max_position_embeddings": 131072,
        "num_experts": 128, "num_experts_per_tok": 4, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
                            "truncate": False, "original_max_position_embeddings": 4096},
        "sliding_window": 128, "swiglu_limit": 7.0,
    },
    spec=spec,
    names={
        **LLAMA,
        **layer_names(
            self_attn__sinks="attn.sinks",
            mlp__router="moe.router",
            mlp__experts__gate_up_proj_blocks=Experts(*_GATE_UP, interleaved=True),
            mlp__experts__down_proj_blocks=Experts(f"{_EACH}.down.weight"),
            mlp__experts__gate_up_proj=Experts(*_GATE_UP, interleaved=True, transposed=True),
            mlp__experts__gate_up_proj_bias=Experts(f"{_EACH}.gate.bias", f"{_EACH}.up.bias", interleaved=True),
            mlp__experts__down_proj=Experts(f"{_EACH}.down.weight", transposed=True),
            mlp__experts__down_proj_bias=Experts(f"{_EACH}.down.bias"),
        ),
    },
    gguf_names={
        "blk.{i}.attn_sinks.weight": "layers.{i}.attn.sinks",
        "blk.{i}.post_attention_norm": "layers.{i}.mlp_norm",
    },
)  # fmt: skip
