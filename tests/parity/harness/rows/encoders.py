"""Rows of the encoders: a variant for each thing that a configuration may change, active inside 24 tokens."""

from random import Random
from typing import Any

import transformers as hf

from tests.parity.harness.draws import (
    ACTIVATIONS,
    CONTEXT,
    biases,
    chance,
    layer_norm,
    layer_types,
    random_rope,
    rms,
    sizes,
)
from tests.parity.harness.encoders import SMALL, Family, Keys, Row

TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
NARROW = {**SMALL, "embedding_size": 16}
DISTILBERT = {"vocab_size": 97, "dim": 32, "hidden_dim": 48, "n_layers": 3, "n_heads": 4, "max_position_embeddings": 64}
EUROBERT = {**SMALL, **TOKENS, "num_key_value_heads": 2}
MODERN = {**SMALL, **TOKENS, "num_hidden_layers": 5, "local_attention": 8}
BIASED = dict.fromkeys(("attention_bias", "mlp_bias", "norm_bias", "classifier_bias"), True)
GEMMA = {
    **SMALL, "head_dim": 16, "num_key_value_heads": 2, "num_hidden_layers": 7, "query_pre_attn_scalar": 24,
    "sliding_window": 9, "use_bidirectional_attention": True,
}  # fmt: skip


def drawn(draw: Random, *, rows_before: int = 0) -> Keys:
    """What BERT's configuration may say; `rows_before` positions are no token's."""
    keys = sizes(draw) | layer_norm(draw)
    del keys["num_key_value_heads"]
    return keys | {
        "vocab_size": draw.choice([9, 33, 61]), "max_position_embeddings": CONTEXT + rows_before,
        "type_vocab_size": draw.choice([1, 2, 5]), "hidden_act": draw.choice(ACTIVATIONS),
    }  # fmt: skip


def roberta(draw: Random) -> Keys:
    pad = draw.choice([0, 1, 3])
    return {**drawn(draw, rows_before=pad + 1), "pad_token_id": pad}


def ernie(draw: Random) -> Keys:
    return {**drawn(draw), "use_task_id": chance(draw), "task_type_vocab_size": draw.choice([1, 3])}


def narrow(draw: Random) -> Keys:
    return {**drawn(draw), "embedding_size": draw.choice([4, 16, 33])}


def albert(draw: Random) -> Keys:
    keys = narrow(draw)
    layers = draw.choice([1, 2, 3, 5])
    return {**keys, "num_hidden_layers": layers, "num_hidden_groups": draw.choice(range(1, layers + 1))}


def distilbert(draw: Random) -> Keys:
    keys = drawn(draw)
    own = {"dim": "hidden_size", "hidden_dim": "intermediate_size", "n_layers": "num_hidden_layers",
           "n_heads": "num_attention_heads", "activation": "hidden_act"}  # fmt: skip
    same = ("vocab_size", "max_position_embeddings", "tie_word_embeddings", "pad_token_id")
    return {key: keys[general] for key, general in own.items()} | {key: keys[key] for key in same}


def mpnet(draw: Random) -> Keys:
    keys = drawn(draw, rows_before=2)
    del keys["type_vocab_size"]
    return {**keys, "pad_token_id": 1}


def rotary(draw: Random) -> Keys:
    return drawn(draw) | random_rope(draw)


def eurobert(draw: Random) -> Keys:
    keys = sizes(draw) | rms(draw) | random_rope(draw) | biases(draw, "attention_bias", "mlp_bias")
    return keys | {"vocab_size": draw.choice([9, 33, 61]), "classifier_pooling": draw.choice(["bos", "mean", "late"])}


def modernbert(draw: Random) -> Keys:
    keys = drawn(draw) | biases(draw, *BIASED, "decoder_bias") | {"norm_eps": draw.choice([1e-5, 1e-3])}
    for name in ("type_vocab_size", "layer_norm_eps"):
        del keys[name]
    both: dict[str, Any] = {}
    for kind in ("full_attention", "sliding_attention"):
        both[kind] = random_rope(draw)["rope_parameters"]
    return keys | {
        "hidden_activation": keys.pop("hidden_act"), "classifier_activation": draw.choice(ACTIVATIONS),
        "local_attention": draw.choice([2, 4, 9, 60]), "layer_types": layer_types(draw, keys),
        "rope_parameters": both, "classifier_pooling": draw.choice(["cls", "mean"]),
    }  # fmt: skip


FAMILIES: dict[str, Family] = {
    "bert": Family(
        hf.BertConfig,
        drawn,
        [
            Row("bert", hf.BertConfig, SMALL),
            Row("bert-untied-relu", hf.BertConfig, {**SMALL, "tie_word_embeddings": False, "hidden_act": "relu"}),
        ],
    ),
    "roberta": Family(
        hf.RobertaConfig,
        roberta,
        [
            Row("roberta", hf.RobertaConfig, {**SMALL, "type_vocab_size": 1}),
            Row("roberta-padding-5", hf.RobertaConfig, {**SMALL, "pad_token_id": 5}),
        ],
    ),
    "xlm_roberta": Family(hf.XLMRobertaConfig, roberta, [Row("xlm-roberta", hf.XLMRobertaConfig, SMALL)]),
    "camembert": Family(hf.CamembertConfig, roberta, [Row("camembert", hf.CamembertConfig, SMALL)]),
    "ernie": Family(
        hf.ErnieConfig,
        ernie,
        [
            Row("ernie", hf.ErnieConfig, {**SMALL, "use_task_id": True}),
            Row("ernie-without-tasks", hf.ErnieConfig, SMALL),
        ],
    ),
    "electra": Family(
        hf.ElectraConfig,
        narrow,
        [
            Row("electra", hf.ElectraConfig, NARROW),
            Row("electra-one-width", hf.ElectraConfig, {**SMALL, "embedding_size": 32}),
        ],
    ),
    "distilbert": Family(hf.DistilBertConfig, distilbert, [Row("distilbert", hf.DistilBertConfig, DISTILBERT)]),
    "albert": Family(
        hf.AlbertConfig,
        albert,
        [
            Row("albert", hf.AlbertConfig, NARROW),
            Row("albert-groups", hf.AlbertConfig, {**NARROW, "num_hidden_layers": 5, "num_hidden_groups": 2}),
            Row("albert-one-width", hf.AlbertConfig, {**SMALL, "embedding_size": 32}),
        ],
    ),
    "mpnet": Family(
        hf.MPNetConfig,
        mpnet,
        [
            Row("mpnet", hf.MPNetConfig, SMALL, attention="eager"),
        ],
    ),
    "nomic_bert": Family(hf.NomicBertConfig, rotary, [Row("nomic-bert", hf.NomicBertConfig, SMALL)]),
    "jina_embeddings_v3": Family(
        hf.JinaEmbeddingsV3Config, rotary, [Row("jina-embeddings-v3", hf.JinaEmbeddingsV3Config, SMALL)]
    ),
    "eurobert": Family(
        hf.EuroBertConfig,
        eurobert,
        [
            Row("eurobert", hf.EuroBertConfig, EUROBERT),
            Row("eurobert-first", hf.EuroBertConfig, {**EUROBERT, "classifier_pooling": "bos"}),
            Row("eurobert-mean-biased", hf.EuroBertConfig, {**EUROBERT, "classifier_pooling": "mean",
                                                            "attention_bias": True, "mlp_bias": True}),
        ],
    ),
    "modernbert": Family(
        hf.ModernBertConfig,
        modernbert,
        [
            Row("modernbert", hf.ModernBertConfig, MODERN),
            Row("modernbert-mean-biased", hf.ModernBertConfig, {**MODERN, **BIASED, "classifier_pooling": "mean"}),
        ],
    ),
}  # fmt: skip
EMBEDDING_GEMMA = Row("embedding-gemma", hf.Gemma3TextConfig, GEMMA, tasks=("hidden-states",))
ROWS: list[Row] = [*(row for family in FAMILIES.values() for row in family.rows), EMBEDDING_GEMMA]
