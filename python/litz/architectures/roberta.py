"""RoBERTa: BERT whose positions are counted from the padding's row on, and whose heads are called otherwise."""

from litz.architectures.base import Family
from litz.architectures.encoder_heads import ROBERTA_TASKS
from litz.architectures.encoders import BERT, bert_like, counted_from_padding
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    return counted_from_padding(bert_like(c), c.count("pad_token_id"))


FAMILY = Family(
    defaults={
        "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512, "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1,
        "tie_word_embeddings": True, "type_vocab_size": 2, "vocab_size": 50265,
    },
    spec=spec,
    names=BERT,
    prefixes=("roberta.",),
    kind="encoder",
    tasks=ROBERTA_TASKS,
)  # fmt: skip
