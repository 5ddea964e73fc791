"""StableLM 2 and its kin: Llama with layer norms that have biases and a rotation of a quarter of each head.

Options: biases on q, k and v; a layer norm of its own, without bias, for every head of q and k; attention and
feed-forward side by side (StableLM 2 12B has the last two).
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, layer_norm, one_rope, parallel, plain, pre
from litz.architectures.names import GGUF_HEAD_NORMS, Stacked
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    c.only("num_heads", c.get("num_attention_heads"), family="StableLM with as many attention heads")
    c.only("rotary_scaling_factor", 1.0, family="StableLM")
    norm, each = layer_norm(c), layer_norm(c, bias=False) if c.flag("qk_layernorm") else None
    return plain(
        c, norm=norm, shape=parallel if c.flag("use_parallel_residual") else pre, ropes=one_rope(c, partial=True),
        bias="qkv" if c.flag("use_qkv_bias") else "",
        attention=lambda i, made: replace(made, q_norm=each, k_norm=each, norm_over="each"),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "hidden_act": "silu", "layer_norm_eps": 1e-5, "max_position_embeddings": 4096, "num_key_value_heads": 32,
        "partial_rotary_factor": 0.25,
    },
    spec=spec,
    names={
        **LLAMA,
        "model.layers.{i}.self_attn.q_layernorm.norms.{e}": Stacked("layers.{i}.attn.q_norm"),
        "model.layers.{i}.self_attn.k_layernorm.norms.{e}": Stacked("layers.{i}.attn.k_norm"),
    },
    gguf_names=GGUF_HEAD_NORMS,
)  # fmt: skip
