"""ELECTRA: BERT with narrower embeddings, which are projected behind their norm, and GELU in its heads.

Published in pairs: a generator, which has the masked-language-model head, and a discriminator.
"""

from dataclasses import replace

from litz.architectures import bert
from litz.architectures.encoder_heads import BERT_TASKS, choice, first_token, masked
from litz.architectures.encoders import BERT, bert_like
from litz.architectures.tasks import CHOICE, HIDDEN_STATES, MASKED, SEQUENCE, Task, without_head
from litz.config import Keys
from litz.spec import Spec, TokenStem


def spec(c: Keys) -> Spec:
    for key, value in (("summary_type", "first"), ("summary_use_proj", True), ("summary_activation", "gelu")):
        c.only(key, value, family="ELECTRA that litz runs")
    narrow = c.size("embedding_size")

    def stem(made: TokenStem) -> TokenStem:
        return made if narrow == made.width else replace(made, width=narrow, project="last", project_bias=True)

    return bert_like(c, stem=stem)


FAMILY = replace(
    bert.FAMILY,
    defaults={
        **bert.FAMILY.defaults, "embedding_size": 128, "hidden_size": 256, "intermediate_size": 1024,
        "num_attention_heads": 4, "summary_activation": "gelu", "summary_type": "first", "summary_use_proj": True,
    },
    spec=spec,
    names={
        **BERT, "embeddings_project": "project_in", "discriminator_predictions.dense": None,
        "discriminator_predictions.dense_prediction": None,
    },
    prefixes=("electra.",),
    tasks={
        **BERT_TASKS,
        HIDDEN_STATES: Task(without_head),
        MASKED: masked(
            {"generator_predictions.dense": "head.dense", "generator_predictions.LayerNorm": "head.norm",
             "generator_lm_head": "head"}, activation="gelu"),
        SEQUENCE: first_token("classifier.dense", "gelu", "classifier.out_proj"),
        CHOICE: choice("sequence_summary.summary", "gelu"),
    },
)  # fmt: skip
