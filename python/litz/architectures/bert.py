"""BERT: the encoder that the others differ from; MiniLM and most models of sentence-transformers are BERTs."""

from litz.architectures.base import Family
from litz.architectures.encoder_heads import BERT_TASKS
from litz.architectures.encoders import BERT, bert_like
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    return bert_like(c)


FAMILY = Family(
    defaults={
        "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512, "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 0,
        "tie_word_embeddings": True, "type_vocab_size": 2, "vocab_size": 30522,
    },
    spec=spec,
    names={**BERT, "cls.seq_relationship": None},
    prefixes=("bert.",),
    kind="encoder",
    tasks=BERT_TASKS,
)  # fmt: skip
