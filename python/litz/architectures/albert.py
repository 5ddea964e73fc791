"""ALBERT: BERT whose layers share weights, with narrow embeddings that are projected behind their norm; tanh GELU."""

from dataclasses import replace

from litz.architectures import bert
from litz.architectures.encoder_heads import BERT_TASKS, choice, first_token, lm_names, masked, pooler
from litz.architectures.encoders import EMBEDDINGS, bert_like
from litz.architectures.names import layer_table
from litz.architectures.tasks import CHOICE, HIDDEN_STATES, MASKED, SEQUENCE
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    c.only("inner_group_num", 1, family="ALBERT that litz runs")
    narrow, layers, groups = c.size("embedding_size"), c.size("num_hidden_layers"), c.size("num_hidden_groups")
    made = bert_like(c, stem=lambda made: replace(made, width=narrow, project="last", project_bias=True))
    shared = tuple(int(layer / (layers / groups)) for layer in range(layers))
    return replace(made, towers={"text": replace(made.main, weights_of=shared)})


LAYERS = {
    **{f"attention.{name}": f"attn.{name[0]}" for name in ("query", "key", "value")}, "attention.dense": "attn.o",
    "attention.LayerNorm": "attn_norm", "ffn": "mlp.up", "ffn_output": "mlp.down",
    "full_layer_layer_norm": "mlp_norm",
}  # fmt: skip
FAMILY = replace(
    bert.FAMILY,
    defaults={
        **bert.FAMILY.defaults, "embedding_size": 128, "hidden_act": "gelu_new", "hidden_size": 4096,
        "inner_group_num": 1, "intermediate_size": 16384, "num_attention_heads": 64, "num_hidden_groups": 1,
        "vocab_size": 30000,
    },
    spec=spec,
    names={
        **EMBEDDINGS, "encoder.embedding_hidden_mapping_in": "project_in", "sop_classifier.classifier": None,
        **layer_table("encoder.albert_layer_groups.{i}.albert_layers.0.", LAYERS),
    },
    prefixes=("albert.",),
    tasks={
        **BERT_TASKS,
        HIDDEN_STATES: pooler("pooler"),
        MASKED: masked(lm_names("predictions.dense", "predictions.LayerNorm", "predictions")),
        SEQUENCE: first_token("pooler", "tanh", "classifier"),
        CHOICE: choice("pooler", "tanh"),
    },
)  # fmt: skip
