"""Cohere's Command R: attention and feed-forward side by side behind one layer norm without bias, scaled logits.

Rotary pairs are neighbours. `use_qk_norm` (Command R+) gives every head of q and k a layer norm of its own.
"""

from dataclasses import replace

from litz.architectures.base import LLAMA, Family, biases, layer_names, layer_norm, one_rope, parallel, plain
from litz.architectures.names import GGUF_HEAD_NORMS, Heads
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    c.ignore("model_max_length")  # what the tokenizer should warn about
    norm, scale = layer_norm(c, bias=False), c.number("logit_scale")
    each = norm if c.flag("use_qk_norm") else None
    return plain(
        c, norm=norm, shape=parallel, bias=biases(c), ropes=one_rope(c, theta=500000.0, interleaved=True),
        attention=lambda i, made: replace(made, q_norm=each, k_norm=each, norm_over="each"),
        head=lambda made: replace(made, scale=scale),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "hidden_act": "silu", "layer_norm_eps": 1e-5, "logit_scale": 0.0625, "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    },
    spec=spec,
    names={**LLAMA, **layer_names(self_attn__q_norm=Heads("attn.q_norm"), self_attn__k_norm=Heads("attn.k_norm"))},
    gguf_names=GGUF_HEAD_NORMS,
)  # fmt: skip
