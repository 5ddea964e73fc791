"""Phi-3, Phi-3.5 and Phi-4-mini: Llama with q|k|v and gate|up stored fused, a window, LongRoPE and partial rotation."""

from litz import rope
from litz.architectures.base import LLAMA, Family, layer_names, plain, rms, rope_of, rope_parameters, windows
from litz.architectures.names import GGUF_FUSED_QKV
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    for key in ("rope_scaling", "rope_parameters"):
        if rope.kind_of(c.table(key)) in ("su", "yarn"):  # what early files called LongRoPE
            c = c.replaced(key, {**c.table(key), "rope_type": "longrope"})
    made = rope_of(c, rope_parameters(c, partial=True))
    return plain(c, norm=rms(c), ropes=made, windows=windows(c, default=lambda i: c.given("sliding_window")))


_FUSED = {"qkv": ("attn.q", "attn.k", "attn.v"), "gate_up": ("mlp.gate", "mlp.up")}

FAMILY = Family(
    defaults={"hidden_act": "silu", "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
              "original_max_position_embeddings": 4096},
    spec=spec,
    names={**LLAMA, **layer_names(self_attn__qkv_proj=_FUSED["qkv"], mlp__gate_up_proj=_FUSED["gate_up"])},
    gguf_names={
        **GGUF_FUSED_QKV,
        "blk.{i}.ffn_up": tuple(f"layers.{{i}}.{n}" for n in _FUSED["gate_up"]),
    },
)  # fmt: skip
