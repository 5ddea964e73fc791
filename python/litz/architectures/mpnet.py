"""MPNet: RoBERTa's positions, besides a learned bias for each bucket of distances, which all layers share; no types."""

from dataclasses import replace

from litz.architectures import roberta
from litz.architectures.encoders import BERT, bert_like, counted_from_padding
from litz.architectures.names import layer_table
from litz.config import Keys
from litz.spec import Buckets, Spec

_BUCKETS, _FARTHEST, _PADDING = 32, 128, 1  # of every MPNet, whatever its configuration says


def spec(c: Keys) -> Spec:
    c.only("relative_attention_num_buckets", _BUCKETS, family="MPNet")
    bias = Buckets(_BUCKETS, _FARTHEST, two_way=True)
    return counted_from_padding(bert_like(c, attention=lambda made: replace(made, position_bias=bias)), _PADDING)


LAYERS = {**{f"attn.{part}": f"attn.{part}" for part in "qkvo"}, "LayerNorm": "attn_norm"}
DEFAULTS = {**roberta.DEFAULTS, "relative_attention_num_buckets": _BUCKETS, "vocab_size": 30527}
FAMILY = replace(
    roberta.FAMILY,
    defaults={key: value for key, value in DEFAULTS.items() if key != "type_vocab_size"},
    spec=spec,
    names={
        **BERT, "encoder.relative_attention_bias": "position_bias",
        **layer_table("encoder.layer.{i}.attention.", LAYERS),
    },
    prefixes=("mpnet.",),
)  # fmt: skip
