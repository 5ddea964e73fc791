"""Cohere's Command R: attention and feed-forward side by side behind one layer norm without bias, scaled logits.

Rotary pairs are neighbours. `use_qk_norm` (Command R+) gives every head of q and k a layer norm of its own.
"""

from litz.architectures.base import (
    LLAMA,
    Family,
    Keys,
    Spec,
    biases,
    layer_norm,
    one_rope,
    parallel,
    plain,
    qk_norms,
    scaled,
)
from litz.architectures.names import GGUF_HEAD_NORMS, Heads, layer_names

KEYS = {"hidden_act": "silu", "layer_norm_eps": 1e-5, "logit_scale": 0.0625, "max_position_embeddings": 8192}
NAMES = {**LLAMA, **layer_names(self_attn__q_norm=Heads("attn.q_norm"), self_attn__k_norm=Heads("attn.k_norm"))}


def spec(c: Keys) -> Spec:
    c.ignore("model_max_length")  # what the tokenizer should warn about
    norm, rope = layer_norm(c, bias=False), one_rope(c, theta=500000.0, interleaved=True)
    norms = qk_norms(norm if c.flag("use_qk_norm") else None, "each")
    head = scaled(c.number("logit_scale"))
    return plain(c, norm=norm, shape=parallel, bias=biases(c), ropes=rope, attention=norms, head=head)


FAMILY = Family(defaults={**KEYS, "tie_word_embeddings": True}, spec=spec, names=NAMES, gguf_names=GGUF_HEAD_NORMS)
