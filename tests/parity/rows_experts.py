"""Rows of the parity harness: the families with experts. Fewer are chosen than there are, and some layers are dense."""

from typing import Any

import transformers as hf

from tests.parity.decoders import LLAMA3, Row, rope

MIXTRAL = {"num_local_experts": 5, "num_experts_per_tok": 2}
SPARSE = {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 20}
SHARED = {**SPARSE, "shared_expert_intermediate_size": 28}
SLIDING = {"use_sliding_window": True, "sliding_window": 7}


def _qwen3(name: str, **keys: Any) -> Row:
    return Row(f"qwen3-moe-{name}", hf.Qwen3MoeConfig, {**SPARSE, "head_dim": 16, **keys})


EXPERTS = [
    Row("mixtral", hf.MixtralConfig, MIXTRAL),
    Row("mixtral-window-tied", hf.MixtralConfig, {**MIXTRAL, "sliding_window": 7, "head_dim": 12,
                                                  "tie_word_embeddings": True}),
    Row("mixtral-llama3-all-chosen", hf.MixtralConfig, {**MIXTRAL, **LLAMA3, "num_experts_per_tok": 5}),
    Row("qwen2-moe", hf.Qwen2MoeConfig, SHARED),
    Row("qwen2-moe-dense-first", hf.Qwen2MoeConfig, {**SHARED, "mlp_only_layers": [0], "norm_topk_prob": True}),
    Row("qwen2-moe-window-unbiased", hf.Qwen2MoeConfig, {**SHARED, **SLIDING, "max_window_layers": 2,
                                                         "qkv_bias": False, "num_experts_per_tok": 1}),
    _qwen3("normalised", norm_topk_prob=True),
    _qwen3("every-second", decoder_sparse_step=2, **rope("yarn", factor=4.0, original_max_position_embeddings=16)),
    _qwen3("window-biased-tied", attention_bias=True, tie_word_embeddings=True, **SLIDING),
]  # fmt: skip
