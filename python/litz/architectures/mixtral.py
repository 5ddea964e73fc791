"""Mixtral: Mistral with experts in every layer; the chosen ones' probabilities are divided by their sum."""

from litz.architectures.base import LLAMA, Family, layer_names, one_rope, plain, rms, stored_interleaved, windows
from litz.architectures.experts import STACKED, routed, sparse
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    sliding = windows(c, default=lambda i: c.given("sliding_window"))
    return plain(
        c, norm=rms(c), ropes=one_rope(c, interleaved=stored_interleaved(c)), windows=sliding,
        feed_forward=sparse(c, routed(c, width="intermediate_size", normalize=True)),
    )  # fmt: skip


_WRITTEN = {"w1": "gate", "w3": "up", "w2": "down"}

FAMILY = Family(
    defaults={
        "hidden_act": "silu", "max_position_embeddings": 131072, "num_experts": 8, "num_experts_per_tok": 2,
        "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1e6,
    },
    spec=spec,
    names={
        **LLAMA,
        **STACKED,
        **layer_names(block_sparse_moe__gate="moe.router"),
        **layer_names(**{f"block_sparse_moe__experts__{{e}}__{w}": f"moe.experts.{{e}}.{part}"
                         for w, part in _WRITTEN.items()}),
    },
)  # fmt: skip
