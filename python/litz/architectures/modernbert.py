"""ModernBERT: pre-norm without biases, a gated feed-forward, and windows in two layers of three.

Layers with a window turn with a base of their own. The first has no norm before its attention: the embeddings have one.
"""

from dataclasses import replace
from typing import Literal

from litz.architectures.base import Family, activation_of, biases, layer_norm, plain, windows
from litz.architectures.encoders import check_both_ways, encoder
from litz.architectures.gemma3 import two_ropes
from litz.architectures.names import Names, layer_table
from litz.architectures.tasks import (
    CHOICE,
    HIDDEN_STATES,
    MASKED,
    QUESTION,
    SEQUENCE,
    TOKEN,
    Task,
    labels_of,
    without_head,
)
from litz.config import Keys
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import Dense, Head, Layer, LmHead, Norm, PooledHead, Spec, TokenHead


def _norm(c: Keys) -> Norm:
    return layer_norm(c, "norm_eps", bias=c.flag("norm_bias"))


def _without_first_norm(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    (mixer, mlp), *rest = layers
    return ((replace(mixer, branches=(replace(mixer.branches[0], before=None),)), mlp), *rest)


def spec(c: Keys) -> Spec:
    check_both_ways(c)
    c.refuse("rope_scaling", "ModernBERT's rope_parameters name a scaling for each kind of layer")
    c.ignore("layer_norm_eps", "position_embedding_type")  # of the class that it was written with
    c.ignore("classifier_activation", "classifier_bias", "classifier_pooling", "decoder_bias")  # of heads
    each = 3 if c.get("global_attn_every_n_layers") is None else c.size("global_attn_every_n_layers")
    norm = _norm(c)
    nearer = c.replaced("sliding_window", c.count("local_attention") // 2 + 1)  # the file says both sides together
    sliding = windows(nearer, default=lambda i: i % each != 0)
    made = plain(
        c, norm=norm, bias=biases(c), mlp_bias=c.flag("mlp_bias"), activation=activation_of(c, "hidden_activation"),
        kv_heads=c.size("num_attention_heads"), causal=False, windows=sliding,
        ropes=two_ropes(c, sliding, whole=("global_rope_theta", 160000.0), local=("local_rope_theta", 10000.0)),
        stem=lambda made: replace(made, norm=norm),
    )  # fmt: skip
    layers = _without_first_norm(made.layers)
    return encoder(replace(made, towers={"text": replace(made.main, layers=layers)}))


def _dense(c: Keys, made: Spec) -> Dense:
    activation = activation_of(c, "classifier_activation")
    return Dense(made.width, activation, bias=c.flag("classifier_bias"), norm=_norm(c))


def _pooled(c: Keys, made: Spec, outputs: int, *, cls: Literal["first", "first_real"]) -> Head:
    pooling = c.get("classifier_pooling")
    if pooling not in ("cls", "mean"):
        raise ConfigError(f"{c.where}: classifier_pooling = {shown(pooling)}; ModernBERT knows cls and mean")
    return PooledHead(cls if pooling == "cls" else "mean", outputs, _dense(c, made))


def _masked(c: Keys, made: Spec) -> Head:
    tied, bias = c.flag("tie_word_embeddings"), c.flag("decoder_bias")
    return LmHead(made.vocab, made.width, tied=tied, bias=bias, dense=_dense(c, made))


_HEAD: Names = {"head.dense": "head.dense", "head.norm": "head.norm", "classifier": "head"}

FAMILY = Family(
    defaults={
        "attention_bias": False, "classifier_activation": "gelu", "classifier_bias": False,
        "classifier_pooling": "cls", "decoder_bias": True, "hidden_activation": "gelu",
        "hidden_size": 768, "intermediate_size": 1152, "local_attention": 128, "max_position_embeddings": 8192,
        "mlp_bias": False, "norm_bias": False, "norm_eps": 1e-5, "num_attention_heads": 12, "num_hidden_layers": 22,
        "pad_token_id": 50283, "tie_word_embeddings": True, "vocab_size": 50368,
    },
    spec=spec,
    names={
        "model.embeddings.tok_embeddings": "embed",
        "model.embeddings.norm": "embed_norm",
        "model.final_norm": "norm",
        **layer_table(
            "model.layers.{i}.",
            {
                "attn_norm": "attn_norm",
                "attn.Wqkv": ("attn.q", "attn.k", "attn.v"),
                "attn.Wo": "attn.o",
                "mlp_norm": "mlp_norm",
                "mlp.Wi": ("mlp.gate", "mlp.up"),  # the first half is the one that is activated
                "mlp.Wo": "mlp.down",
            },
        ),
    },
    gguf_names={"blk.{i}.ffn_up": ("layers.{i}.mlp.gate", "layers.{i}.mlp.up")},
    kind="encoder",
    tasks={
        HIDDEN_STATES: Task(without_head),
        MASKED: Task(_masked, {"head.dense": "head.dense", "head.norm": "head.norm", "decoder": "head"}),
        SEQUENCE: Task(lambda c, made: _pooled(c, made, labels_of(c), cls="first"), _HEAD),
        TOKEN: Task(lambda c, made: TokenHead(labels_of(c), _dense(c, made)), _HEAD),
        QUESTION: Task(lambda c, made: TokenHead(2, _dense(c, made)), _HEAD),
        CHOICE: Task(lambda c, made: _pooled(c, made, 1, cls="first_real"), _HEAD),
    },
)  # fmt: skip
