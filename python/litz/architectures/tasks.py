"""What a model may be asked for: each task's head, made of the configuration, and how the head's tensors are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from litz.architectures.names import Names, Target, targets_of
from litz.config import Keys
from litz.errors import ConfigError, UnsupportedError
from litz.numbers import integer
from litz.spec import Head, LmHead, PooledHead, Spec, TokenHead

HIDDEN_STATES = "hidden-states"
LANGUAGE_MODEL = "language-model"
MASKED = "masked-language-model"
SEQUENCE = "sequence-classification"
TOKEN = "token-classification"
QUESTION = "question-answering"
CHOICE = "multiple-choice"


@dataclass(frozen=True)
class Task:
    """One head of a family. An `optional` one is left out where the files hold none of its tensors."""

    head: Callable[[Keys, Spec], Head | None]
    names: Names = field(default_factory=dict)
    optional: bool = False


Tasks = Mapping[str, Task]


def labels_of(c: Keys) -> int:
    """How many labels a classifier has: `num_labels`, else those of `id2label`, else two, as in transformers."""
    names = c.table("id2label")
    if c.get("num_labels") is None:
        return len(names) or 2
    return integer(c.get("num_labels"), f"{c.where}: {c.name('num_labels')}", least=1, error=ConfigError)


def own_head(c: Keys, made: Spec) -> Head | None:
    """The head that the family's Spec comes with."""
    return made.head


def without_head(c: Keys, made: Spec) -> Head | None:
    """None: the hidden states are what is asked for."""
    if isinstance(made.head, LmHead) and made.head.project:
        raise UnsupportedError(f"{c.where}: hidden states of a model that projects them to its embedding's width")
    return None


def token_labels(c: Keys, made: Spec) -> Head:
    """The scores of each token's labels."""
    return TokenHead(labels_of(c))


def answer_span(c: Keys, made: Spec) -> Head:
    """Where an answer begins and ends."""
    return TokenHead(2)


def _last_token_labels(c: Keys, made: Spec) -> Head:
    return PooledHead("last", labels_of(c), bias=False)


# What every decoder of transformers has.
DECODER: Tasks = {
    LANGUAGE_MODEL: Task(own_head),
    HIDDEN_STATES: Task(without_head),
    SEQUENCE: Task(_last_token_labels, {"score": "head"}),
    TOKEN: Task(token_labels, {"score": "head", "classifier": "head"}),
    QUESTION: Task(answer_span, {"qa_outputs": "head"}),
}


def task_of(tasks: Tasks, name: str | None, *, model_type: object) -> tuple[str, Task]:
    """The task of this name, or the family's first; UnsupportedError lists those that the family has."""
    name = next(iter(tasks)) if name is None else name
    if name not in tasks:
        raise UnsupportedError(f"a {model_type} has no head for {name}; litz runs it for {', '.join(tasks)}")
    return name, tasks[name]


def names_for(names: Names, tasks: Tasks, chosen: str) -> Names:
    """The table for a task: tensors of other tasks' heads are known, and no weights."""
    others = {name: None for task in tasks.values() for name in task.names}
    if chosen != LANGUAGE_MODEL:
        names = {name: None if _leads_to_head(target) else target for name, target in names.items()}
    return {**others, **names, **tasks[chosen].names}


def _leads_to_head(target: Target) -> bool:
    return any(name in ("head", "project_out") for name in targets_of(target))
