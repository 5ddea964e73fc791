"""The heads of encoders: what each task of BERT computes and how its tensors are called; others differ by an entry."""

from collections.abc import Callable

from litz.architectures.base import activation_of
from litz.architectures.names import Names, Spare
from litz.architectures.tasks import (
    CHOICE,
    HIDDEN_STATES,
    MASKED,
    QUESTION,
    SEQUENCE,
    TOKEN,
    Task,
    Tasks,
    answer_span,
    labels_of,
    token_labels,
)
from litz.config import Keys
from litz.spec import Activation, Dense, Head, LmHead, PooledHead, Spec, TokenStem


def lm_names(dense: str, norm: str, output: str) -> Names:
    """The output is `OUTPUT.decoder`; its bias may stand beside it, or there alone."""
    return {dense: "head.dense", norm: "head.norm", f"{output}.decoder": "head", output: Spare("head")}


def masked(names: Names, *, activation: Activation | None = None) -> Task:
    """Logits for every token, through a dense layer of the embedding's width and a norm.

    The activation is that of the layers unless it is given.
    """

    def head(c: Keys, made: Spec) -> Head:
        stem = made.main.stem
        assert isinstance(stem, TokenStem)
        dense = Dense(stem.width, activation or activation_of(c, "hidden_act"), norm=stem.norm)
        return LmHead(made.vocab, stem.width, tied=c.flag("tie_word_embeddings"), bias=True, dense=dense)

    return Task(head, names)


def first_token(dense: str, activation: Activation, output: str, *, outputs: Callable[[Keys], int] = labels_of) -> Task:
    """`outputs` numbers made of the first token's vector, through a dense layer."""

    def head(c: Keys, made: Spec) -> Head:
        return PooledHead("first", outputs(c), Dense(made.width, activation))

    return Task(head, {dense: "head.dense", output: "head"})


def choice(dense: str, activation: Activation, output: str = "classifier") -> Task:
    """One number for each choice, made of its first token's vector."""
    return first_token(dense, activation, output, outputs=lambda c: 1)


def pooler(dense: str) -> Task:
    """Hidden states, and the first token's through a dense layer and tanh, where the files have it."""
    return Task(
        lambda c, made: PooledHead("first", None, Dense(made.width, "tanh")), {dense: "head.dense"}, optional=True
    )


BERT_TASKS: Tasks = {
    HIDDEN_STATES: pooler("pooler.dense"),
    MASKED: masked(
        lm_names("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions")
    ),
    SEQUENCE: first_token("pooler.dense", "tanh", "classifier"),
    TOKEN: Task(token_labels, {"classifier": "head"}),
    QUESTION: Task(answer_span, {"qa_outputs": "head"}),
    CHOICE: choice("pooler.dense", "tanh"),
}
# What RoBERTa calls otherwise.
ROBERTA_TASKS: Tasks = {
    **BERT_TASKS,
    MASKED: masked(lm_names("lm_head.dense", "lm_head.layer_norm", "lm_head"), activation="gelu"),
    SEQUENCE: first_token("classifier.dense", "tanh", "classifier.out_proj"),
}
