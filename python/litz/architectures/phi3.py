"""Phi-3, Phi-3.5 and Phi-4-mini: Llama with q|k|v and gate|up stored fused, a window, LongRoPE and partial rotation."""

from litz import rope
from litz.architectures.base import LLAMA, LLAMA_KEYS, Family, Keys, Spec, layer_names, one_rope, plain, windows_if_set
from litz.architectures.names import GGUF_FUSED_QKV, layer_table

KEYS = {"max_position_embeddings": 4096, "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5}
QKV, GATE_UP = ("attn.q", "attn.k", "attn.v"), ("mlp.gate", "mlp.up")
NAMES = layer_names(self_attn__qkv_proj=QKV, mlp__gate_up_proj=GATE_UP)
GGUF_NAMES = {**GGUF_FUSED_QKV, **layer_table("blk.{i}.", {"ffn_up": GATE_UP})}


def spec(c: Keys) -> Spec:
    for key in ("rope_scaling", "rope_parameters"):
        if rope.kind_of(c.table(key)) in ("su", "yarn"):  # what early files called LongRoPE
            c = c.replaced(key, {**c.table(key), "rope_type": "longrope"})
    return plain(c, ropes=one_rope(c, partial=True), windows=windows_if_set(c))


FAMILY = Family(defaults={**LLAMA_KEYS, **KEYS}, spec=spec, names={**LLAMA, **NAMES}, gguf_names=GGUF_NAMES)
