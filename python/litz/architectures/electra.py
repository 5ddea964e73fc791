"""ELECTRA: BERT with narrower embeddings, which are projected behind their norm; GELU in its heads.

Published in pairs: a generator, which has the masked-language-model head, and a discriminator.
"""

from dataclasses import replace

from litz.architectures.base import Family
from litz.architectures.encoder_heads import BERT_TASKS, choice, first_token, masked
from litz.architectures.encoders import BERT, bert_like
from litz.architectures.tasks import CHOICE, HIDDEN_STATES, MASKED, SEQUENCE, Task, without_head
from litz.config import Keys
from litz.spec import Spec, TokenStem


def spec(c: Keys) -> Spec:
    for key, value in (("summary_type", "first"), ("summary_use_proj", True), ("summary_activation", "gelu")):
        c.only(key, value, family="ELECTRA that litz runs")
    narrow, width = c.size("embedding_size"), c.size("hidden_size")

    def stem(made: TokenStem) -> TokenStem:
        return replace(made, width=narrow, project="last", project_bias=True) if narrow != width else made

    return bert_like(c, stem=stem)


FAMILY = Family(
    defaults={
        "embedding_size": 128, "hidden_act": "gelu", "hidden_size": 256, "intermediate_size": 1024,
        "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "num_attention_heads": 4, "num_hidden_layers": 12,
        "pad_token_id": 0, "summary_activation": "gelu", "summary_type": "first", "summary_use_proj": True,
        "tie_word_embeddings": True, "type_vocab_size": 2, "vocab_size": 30522,
    },
    spec=spec,
    names={
        **BERT,
        "embeddings_project": "project_in",
        "discriminator_predictions.dense": None,
        "discriminator_predictions.dense_prediction": None,
    },
    prefixes=("electra.",),
    kind="encoder",
    tasks={
        **BERT_TASKS,
        HIDDEN_STATES: Task(without_head),
        MASKED: masked(
            {
                "generator_predictions.dense": "head.dense",
                "generator_predictions.LayerNorm": "head.norm",
                "generator_lm_head": "head",
            },
            activation="gelu",
        ),
        SEQUENCE: first_token("classifier.dense", "gelu", "classifier.out_proj"),
        CHOICE: choice("sequence_summary.summary", "gelu"),
    },
)  # fmt: skip
