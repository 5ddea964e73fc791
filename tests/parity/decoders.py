"""The decoders of the parity harness: one row a variant, tiny, with windows and rope scalings active inside 24 tokens.

A new family is a new row. Weights are shaken, because default initialisation hides mistakes: near-uniform attention,
unit norms and zero biases make a missing rotation almost invisible.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers as hf

VOCAB, CONTEXT = 97, 64
PLAIN = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def rope(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **parameters}}


def _longrope(original: int) -> dict[str, Any]:
    factors = {"short_factor": [1.0 + 0.1 * i for i in range(4)], "long_factor": [2.0 + 0.3 * i for i in range(4)]}
    scaling = rope("longrope", original_max_position_embeddings=original, **factors)
    return {"original_max_position_embeddings": original, **scaling}


LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
GEMMA3_SCALED = {
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
}
GEMMA = {"head_dim": 16, "hidden_size": 32}
SLIDING = {"query_pre_attn_scalar": 24, "sliding_window": 7}


@dataclass(frozen=True)
class Row:
    name: str
    config: Callable[..., hf.PretrainedConfig]
    keys: dict[str, Any] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=lambda: PLAIN)
    attention: str = "eager"  # the reference's implementation

    def build(self, seed: int = 0) -> hf.PreTrainedModel:
        """The reference model in float32 with shaken weights."""
        torch.manual_seed(seed)
        config = self.config(**{**self.plain, **self.keys})
        how = {"attn_implementation": self.attention, "experts_implementation": "eager"}  # the others lack float64
        model = hf.AutoModelForCausalLM.from_config(config, **how)
        return shake(model).eval()


ROWS = [
    Row("llama-2", hf.LlamaConfig),
    Row("llama-3", hf.LlamaConfig, LLAMA3),
    Row("llama-linear", hf.LlamaConfig, rope("linear", factor=4.0)),
    Row("llama-yarn", hf.LlamaConfig, rope("yarn", factor=4.0, original_max_position_embeddings=16)),
    Row("llama-dynamic", hf.LlamaConfig, rope("dynamic", factor=2.0)),
    Row("llama-biased-tied", hf.LlamaConfig, {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    Row("llama-multi-query", hf.LlamaConfig, {"num_key_value_heads": 1, "intermediate_size": 51}),
    Row("llama-odd-widths", hf.LlamaConfig, {"hidden_size": 42, "num_attention_heads": 3, "num_key_value_heads": 3}),
    Row("mistral-window", hf.MistralConfig, {"sliding_window": 7}),
    Row("mistral-head-dim", hf.MistralConfig, {"sliding_window": None, "head_dim": 24}),
    Row("qwen2", hf.Qwen2Config),
    Row("qwen2-window", hf.Qwen2Config, {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}),
    Row("qwen2-yarn", hf.Qwen2Config, rope("yarn", factor=4.0, original_max_position_embeddings=16)),
    Row("qwen3", hf.Qwen3Config, {"head_dim": 16}),
    Row("qwen3-tied-biased", hf.Qwen3Config, {"head_dim": 16, "attention_bias": True, "tie_word_embeddings": True}),
    Row("smollm3", hf.SmolLM3Config, {"num_hidden_layers": 5}),
    Row("phi3", hf.Phi3Config),
    Row("phi3-window", hf.Phi3Config, {"sliding_window": 7}),
    Row("phi3-longrope-long", hf.Phi3Config, _longrope(16)),
    Row("phi3-longrope-short", hf.Phi3Config, _longrope(40)),
    Row("phi4-mini-partial", hf.Phi3Config, {"hidden_size": 64, **rope("default", partial_rotary_factor=0.75)}),
    Row("gemma", hf.GemmaConfig, GEMMA),
    Row("gemma2", hf.Gemma2Config, {**GEMMA, **SLIDING}),
    Row("gemma2-uncapped", hf.Gemma2Config, {**GEMMA, **SLIDING, "attn_logit_softcapping": None,
                                             "final_logit_softcapping": None}),
    Row("gemma3", hf.Gemma3TextConfig, {**GEMMA, **SLIDING, "num_hidden_layers": 7}),
    Row("gemma3-linear", hf.Gemma3TextConfig, {**GEMMA, **SLIDING, **GEMMA3_SCALED, "num_hidden_layers": 7}),
]  # fmt: skip


def shake(model: hf.PreTrainedModel) -> hf.PreTrainedModel:
    """Makes every weight matter: matrices N(0, 1.2 / sqrt(fan in)), norms and biases perturbed."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 1.2 * parameter.shape[-1] ** -0.5)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.4)
    return model


def save(model: hf.PreTrainedModel, folder: Path, **options: Any) -> Path:
    model.save_pretrained(folder, **options)
    return folder


def edit_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def relative_error(found: Any, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the largest expected value."""
    difference = torch.as_tensor(found).double() - expected.double()
    return float(difference.abs().max() / expected.double().abs().max())
