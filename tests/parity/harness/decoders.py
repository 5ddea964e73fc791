"""Decoders in the parity harness: a row is a variant, tiny, with windows and rope scalings active inside 24 tokens.

The rows of a family are one entry in `rows/`. Weights are shaken, because default initialisation hides mistakes:
near-uniform attention, unit norms and zero biases make a missing rotation almost invisible.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers as hf

Keys = dict[str, Any]
VOCAB, CONTEXT = 97, 64
TOKENS = {"vocab_size": VOCAB, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SMALL = {**TOKENS, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
BOUNDED = {**SMALL, "max_position_embeddings": CONTEXT}
PLAIN = {**BOUNDED, "intermediate_size": 48, "num_key_value_heads": 2}


def rope(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **parameters}}


LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)


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


EVERY = "every row"


@dataclass(frozen=True)
class Family:
    """A family's rows, and how the keys of a random configuration are drawn."""

    config: Callable[..., hf.PretrainedConfig]
    drawn: Callable[[Random], Keys]
    rows: list[Row]
    without_gguf: tuple[str, ...] | str = ()  # rows that say what the format has no key for, or EVERY
    only_gguf: list[Row] = field(default_factory=list)  # what the format can say of them instead
    published: Keys = field(default_factory=dict)  # what it takes for granted: so is every published model

    def random_row(self, name: str, seed: int) -> Row:
        """The configuration of this seed."""
        keys = self.drawn(Random(f"{name} {seed}"))
        # The reference's eager attention adds ALiBi twice to Falcon; its default does not.
        return Row(f"{name}-{seed}", self.config, keys, plain={}, attention="sdpa" if keys.get("alibi") else "eager")

    def gguf_rows(self) -> list[Row]:
        """The rows as GGUF files have them."""
        kept = [] if self.without_gguf == EVERY else [row for row in self.rows if row.name not in self.without_gguf]
        return [replace(row, keys={**row.keys, **self.published}) for row in (*kept, *self.only_gguf)]


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
