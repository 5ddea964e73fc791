"""Nomic BERT: BERT with rotary positions, a gated feed-forward and no biases in its layers."""

from dataclasses import replace

from litz.architectures import bert
from litz.architectures.base import one_rope
from litz.architectures.encoder_heads import BERT_TASKS, lm_names, masked
from litz.architectures.encoders import FUSED, bert_like
from litz.architectures.names import Target, layer_table
from litz.architectures.tasks import HIDDEN_STATES, MASKED, SEQUENCE, TOKEN, Task, without_head
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    # Of the code that published models were trained with: kernels, padding of the vocabulary, defaults.
    c.ignore("fused_bias_fc", "fused_dropout_add_ln", "max_trained_positions", "pad_vocab_size_multiple")
    for key, value in (("rotary_emb_fraction", 1.0), ("scale_attn_weights", True)):
        c.only(key, value, family="Nomic BERT")
    if c.get("hidden_act") == "swiglu":
        c = c.replaced("hidden_act", "silu")
    return bert_like(c, bias=False, gated=True, ropes=one_rope(c, theta=1000.0))


LAYERS: dict[str, Target] = {
    "attn.Wqkv": ("attn.q", "attn.k", "attn.v"), "attn.out_proj": "attn.o", "mlp.fc11": "mlp.up",
    "mlp.fc12": "mlp.gate",
}  # fmt: skip
FAMILY = replace(
    bert.FAMILY,
    defaults={
        **bert.FAMILY.defaults, "hidden_act": "silu", "max_position_embeddings": 2048, "vocab_size": 30528,
    },
    spec=spec,
    names={**FUSED, **layer_table("encoder.layers.{i}.", LAYERS)},
    prefixes=("nomic_bert.", "bert."),
    aliases={
        "hidden_act": "activation_function", "hidden_size": "n_embd", "intermediate_size": "n_inner",
        "layer_norm_eps": "layer_norm_epsilon", "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head", "num_hidden_layers": "n_layer", "rope_theta": "rotary_emb_base",
    },
    tasks={
        HIDDEN_STATES: Task(without_head),
        MASKED: masked(
            lm_names("cls.predictions.transform.dense", "cls.predictions.transform.layer_norm", "cls.predictions")
        ),
        SEQUENCE: BERT_TASKS[SEQUENCE],
        TOKEN: BERT_TASKS[TOKEN],
    },
)  # fmt: skip
