"""Jina Embeddings v3: XLM-RoBERTa with rotary positions instead of learned ones."""

from litz.architectures.base import Family, one_rope
from litz.architectures.encoder_heads import ROBERTA_TASKS
from litz.architectures.encoders import FUSED, bert_like
from litz.architectures.names import layer_table
from litz.architectures.tasks import CHOICE
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    return bert_like(c, ropes=one_rope(c, theta=20000.0))


FAMILY = Family(
    defaults={
        "hidden_act": "gelu", "hidden_size": 1024, "intermediate_size": 4096, "layer_norm_eps": 1e-5,
        "max_position_embeddings": 8194, "num_attention_heads": 16, "num_hidden_layers": 24, "pad_token_id": 1,
        "tie_word_embeddings": True, "type_vocab_size": 1, "vocab_size": 250002,
    },
    spec=spec,
    names={
        **FUSED,
        **layer_table(
            "encoder.layers.{i}.",
            {
                "mixer.Wqkv": ("attn.q", "attn.k", "attn.v"),
                "mixer.out_proj": "attn.o",
                "mlp.fc1": "mlp.up",
            },
        ),
    },
    prefixes=("roberta.",),
    kind="encoder",
    tasks={name: task for name, task in ROBERTA_TASKS.items() if name != CHOICE},
)  # fmt: skip
