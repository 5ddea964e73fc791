"""DistilBERT: BERT with half the layers, without token types."""

from litz.architectures.base import Family
from litz.architectures.encoder_heads import BERT_TASKS, choice, first_token, masked
from litz.architectures.encoders import EMBEDDINGS, bert_like
from litz.architectures.names import layer_table
from litz.architectures.tasks import CHOICE, HIDDEN_STATES, MASKED, SEQUENCE, Task, without_head
from litz.config import Keys
from litz.spec import Norm, Spec


def spec(c: Keys) -> Spec:
    return bert_like(c, norm=Norm("layer", 1e-12, bias=True))


LAYERS = {
    **{f"attention.{name}_lin": f"attn.{name[0]}" for name in ("q", "k", "v", "out")}, "sa_layer_norm": "attn_norm",
    "ffn.lin1": "mlp.up", "ffn.lin2": "mlp.down", "output_layer_norm": "mlp_norm",
}  # fmt: skip
FAMILY = Family(
    defaults={
        "activation": "gelu", "dim": 768, "hidden_dim": 3072, "max_position_embeddings": 512, "n_heads": 12,
        "n_layers": 6, "pad_token_id": 0, "tie_word_embeddings": True, "vocab_size": 30522,
    },
    spec=spec,
    names={**EMBEDDINGS, **layer_table("transformer.layer.{i}.", LAYERS)},
    prefixes=("distilbert.",),
    aliases={
        "hidden_act": "activation", "hidden_size": "dim", "intermediate_size": "hidden_dim",
        "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers",
    },
    kind="encoder",
    tasks={
        **BERT_TASKS,
        HIDDEN_STATES: Task(without_head),
        MASKED: masked({"vocab_transform": "head.dense", "vocab_layer_norm": "head.norm", "vocab_projector": "head"}),
        SEQUENCE: first_token("pre_classifier", "relu", "classifier"),
        CHOICE: choice("pre_classifier", "relu"),
    },
)  # fmt: skip
