"""EuroBERT: Llama that reads both ways. A sequence's labels are those of its tokens on average, unless it says else."""

from litz.architectures.base import LLAMA, Family, biases, one_rope, plain, rms
from litz.architectures.encoders import check_both_ways, encoder
from litz.architectures.tasks import HIDDEN_STATES, MASKED, SEQUENCE, TOKEN, Task, labels_of, token_labels, without_head
from litz.config import Keys
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import Dense, Head, LmHead, PooledHead, Spec


def spec(c: Keys) -> Spec:
    check_both_ways(c)
    c.get("classifier_pooling")  # of one head only
    made = plain(c, norm=rms(c), bias=biases(c), mlp_bias=c.flag("mlp_bias"), ropes=one_rope(c), causal=False)
    return encoder(made)


def _masked(c: Keys, made: Spec) -> Head:
    return LmHead(made.vocab, made.width, tied=c.flag("tie_word_embeddings"), bias=c.flag("mlp_bias"))


def _sequence(c: Keys, made: Spec) -> Head:
    pooling, dense = c.get("classifier_pooling"), Dense(made.width, "gelu")
    if pooling not in ("bos", "mean", "late"):
        raise ConfigError(f"{c.where}: classifier_pooling = {shown(pooling)}; EuroBERT knows bos, mean and late")
    return PooledHead("first" if pooling == "bos" else "mean", labels_of(c), dense, pool_last=pooling == "late")


FAMILY = Family(
    defaults={
        "attention_bias": False, "classifier_pooling": "late", "hidden_act": "silu", "hidden_size": 768,
        "intermediate_size": 3072, "max_position_embeddings": 8192, "mlp_bias": False, "num_attention_heads": 12,
        "num_hidden_layers": 12, "pad_token_id": 128001, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
        "vocab_size": 128256,
    },
    spec=spec,
    names=LLAMA,
    kind="encoder",
    tasks={
        HIDDEN_STATES: Task(without_head),
        MASKED: Task(_masked, {"lm_head": "head"}),
        SEQUENCE: Task(_sequence, {"dense": "head.dense", "classifier": "head"}),
        TOKEN: Task(token_labels, {"classifier": "head"}),
    },
)  # fmt: skip
