"""What the encoders share: layers that read both ways, the names of BERT's tensors, and the heads of the tasks."""

from collections.abc import Callable
from dataclasses import replace

from litz.architectures.base import activation_of, layer_norm, plain, post
from litz.architectures.names import Names, Spare, Target, layer_table
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
from litz.spec import (
    Activation,
    Attention,
    Dense,
    Head,
    LmHead,
    Norm,
    PooledHead,
    Positions,
    Rope,
    Spec,
    TokenStem,
)

EMBEDDINGS: Names = {
    "embeddings.word_embeddings": "embed",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "embed_norm",
    "embeddings.position_ids": None,
    "embeddings.token_type_ids": None,
}
LAYERS: dict[str, Target] = {
    "attention.self.query": "attn.q",
    "attention.self.key": "attn.k",
    "attention.self.value": "attn.v",
    "attention.output.dense": "attn.o",
    "attention.output.LayerNorm": "attn_norm",
    "intermediate.dense": "mlp.up",
    "output.dense": "mlp.down",
    "output.LayerNorm": "mlp_norm",
}
BERT: Names = {**EMBEDDINGS, **layer_table("encoder.layer.{i}.", LAYERS)}


def encoder(made: Spec) -> Spec:
    """The same without a head, and without a norm at its end where the last layer ends in one."""
    normed = made.layers[-1][-1].after is not None
    return replace(made, head=None, towers={"text": replace(made.main, norm=None if normed else made.main.norm)})


def bert_like(
    c: Keys,
    *,
    norm: Norm | None = None,
    bias: bool = True,
    gated: bool = False,
    ropes: Rope | None = None,
    attention: Callable[[Attention], Attention] = lambda made: made,
    stem: Callable[[TokenStem], TokenStem] = lambda made: made,
) -> Spec:
    """BERT: norms after the sums, and embeddings of tokens, positions and types that are normed together.

    With `ropes` there are no learned positions.
    """
    check_both_ways(c)
    c.only("position_embedding_type", "rotary" if ropes else "absolute", family="model of this type that litz runs")
    norm = norm or layer_norm(c)
    types = 0 if c.get("type_vocab_size") is None else c.count("type_vocab_size")
    positions = None if ropes else Positions(c.size("max_position_embeddings"))
    whole = TokenStem(c.size("vocab_size"), c.size("hidden_size"), positions=positions, types=types, norm=norm)
    return encoder(
        plain(
            c, norm=norm, shape=post, bias="qkvo" if bias else "", gated=gated, mlp_bias=bias, causal=False,
            kv_heads=c.size("num_attention_heads"), ropes=ropes, attention=lambda index, made: attention(made),
            stem=lambda made: stem(whole),
        )
    )  # fmt: skip


def check_both_ways(c: Keys) -> None:
    """Refuses what makes a decoder of an encoder."""
    for key in ("is_decoder", "add_cross_attention", "is_encoder_decoder"):
        c.refuse(key, "litz runs this model type as an encoder, which reads both ways")


def counted_from_padding(made: Spec, skip: int) -> Spec:
    """Positions as fairseq counts them: padding keeps row `skip`, and tokens begin behind it."""
    tower, stem = made.main, made.main.stem
    assert isinstance(stem, TokenStem)
    rows = tower.context
    stem = replace(stem, positions=Positions(rows, skip=skip))
    return replace(made, towers={"text": replace(tower, context=rows - skip - 1, stem=stem)})


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
