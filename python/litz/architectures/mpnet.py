"""MPNet: RoBERTa's positions, besides a learned bias for each bucket of distances, which all layers share; no types."""

from dataclasses import replace

from litz.architectures.base import Family
from litz.architectures.encoder_heads import ROBERTA_TASKS
from litz.architectures.encoders import BERT, bert_like, counted_from_padding
from litz.architectures.names import layer_table
from litz.config import Keys
from litz.spec import Buckets, Spec

_BUCKETS, _FARTHEST, _PADDING = 32, 128, 1  # of every MPNet, whatever its configuration says


def spec(c: Keys) -> Spec:
    c.only("relative_attention_num_buckets", _BUCKETS, family="MPNet")
    bias = Buckets(_BUCKETS, _FARTHEST, two_way=True)
    return counted_from_padding(bert_like(c, attention=lambda made: replace(made, position_bias=bias)), _PADDING)


FAMILY = Family(
    defaults={
        "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512, "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1,
        "relative_attention_num_buckets": 32, "tie_word_embeddings": True, "vocab_size": 30527,
    },
    spec=spec,
    names={
        **BERT,
        "encoder.relative_attention_bias": "position_bias",
        **layer_table("encoder.layer.{i}.attention.", {f"attn.{part}": f"attn.{part}" for part in "qkvo"}),
        "encoder.layer.{i}.attention.LayerNorm": "layers.{i}.attn_norm",
    },
    prefixes=("mpnet.",),
    kind="encoder",
    tasks=ROBERTA_TASKS,
)  # fmt: skip
