"""ERNIE: BERT with a third kind of embedding, of the task."""

from dataclasses import replace

from litz.architectures import bert
from litz.architectures.encoders import bert_like
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    c.only("pool_act", "tanh", family="ERNIE")
    c.ignore("task_id", "task_type_vocab_size")
    tasks = c.size("task_type_vocab_size") if c.flag("use_task_id") else 0
    return bert_like(c, stem=lambda made: replace(made, tasks=tasks))


FAMILY = replace(
    bert.FAMILY,
    defaults={**bert.FAMILY.defaults, "task_type_vocab_size": 3, "use_task_id": False},
    spec=spec,
    names={**bert.FAMILY.names, "embeddings.task_type_embeddings": "tasks"},
    prefixes=("ernie.",),
)
