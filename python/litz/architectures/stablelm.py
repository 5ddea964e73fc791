"""StableLM 2 and its kin: Llama with layer norms that have biases and a rotation of a quarter of each head.

Options: biases on q, k and v; a layer norm of its own, without bias, for every head of q and k; attention and
feed-forward side by side (StableLM 2 12B has the last two).
"""

from litz.architectures.base import LLAMA, Family, Keys, Spec, layer_norm, one_rope, parallel, plain, pre, qk_norms
from litz.architectures.names import GGUF_HEAD_NORMS, Stacked, layer_table

KEYS = {"hidden_act": "silu", "layer_norm_eps": 1e-5, "num_key_value_heads": 32, "partial_rotary_factor": 0.25}
NORMS = {f"self_attn.{x}_layernorm.norms.{{e}}": Stacked(f"attn.{x}_norm") for x in "qk"}
NAMES = {**LLAMA, **layer_table("model.layers.{i}.", NORMS)}


def spec(c: Keys) -> Spec:
    c.only("num_heads", c.get("num_attention_heads"), family="StableLM with as many attention heads")
    c.only("rotary_scaling_factor", 1.0, family="StableLM")
    return plain(
        c, norm=layer_norm(c), shape=parallel if c.flag("use_parallel_residual") else pre,
        bias="qkv" if c.flag("use_qkv_bias") else "", ropes=one_rope(c, partial=True),
        attention=qk_norms(layer_norm(c, bias=False) if c.flag("qk_layernorm") else None, "each"),
    )  # fmt: skip


FAMILY = Family(defaults={**KEYS, "max_position_embeddings": 4096}, spec=spec, names=NAMES, gguf_names=GGUF_HEAD_NORMS)
