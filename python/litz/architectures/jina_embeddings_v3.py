"""Jina Embeddings v3: XLM-RoBERTa with rotary positions instead of learned ones."""

from dataclasses import replace

from litz.architectures import roberta
from litz.architectures.base import one_rope
from litz.architectures.encoders import FUSED, bert_like
from litz.architectures.names import Target, layer_table
from litz.architectures.tasks import CHOICE
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    return bert_like(c, ropes=one_rope(c, theta=20000.0))


LAYERS: dict[str, Target] = {
    "mixer.Wqkv": ("attn.q", "attn.k", "attn.v"),
    "mixer.out_proj": "attn.o",
    "mlp.fc1": "mlp.up",
}
FAMILY = replace(
    roberta.FAMILY,
    defaults={
        **roberta.DEFAULTS, "hidden_size": 1024, "intermediate_size": 4096, "layer_norm_eps": 1e-5,
        "max_position_embeddings": 8194, "num_attention_heads": 16, "num_hidden_layers": 24, "type_vocab_size": 1,
        "vocab_size": 250002,
    },
    spec=spec,
    names={**FUSED, **layer_table("encoder.layers.{i}.", LAYERS)},
    tasks={name: task for name, task in roberta.FAMILY.tasks.items() if name != CHOICE},
)  # fmt: skip
