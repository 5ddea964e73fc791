"""Encoders in the parity harness: a row is a variant of a family, tiny, with shaken weights, for each of its tasks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers as hf

import litz
from litz.architectures import family
from litz.models.heads import HEADS
from tests.parity.harness.decoders import shake

Keys = dict[str, Any]
VOCAB, TIME = 97, 24
SMALL = {
    "vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 64,
}  # fmt: skip
# task -> transformers' class; a model for it has LABELS labels
CLASSES = {
    "hidden-states": hf.AutoModel,
    "masked-language-model": hf.AutoModelForMaskedLM,
    "sequence-classification": hf.AutoModelForSequenceClassification,
    "token-classification": hf.AutoModelForTokenClassification,
    "question-answering": hf.AutoModelForQuestionAnswering,
    "multiple-choice": hf.AutoModelForMultipleChoice,
}
LABELS = {"sequence-classification": 3, "token-classification": 5}


@dataclass(frozen=True)
class Row:
    name: str
    config: Callable[..., hf.PretrainedConfig]
    keys: Keys = field(default_factory=dict)
    tasks: tuple[str, ...] = ()  # all that its family has, unless some are named
    attention: str = "sdpa"  # the eager one's softmax is one of float32, where a row without a key is no number

    def made(self, task: str) -> hf.PretrainedConfig:
        """The configuration of a model for the task."""
        labels = {"num_labels": LABELS[task]} if task in LABELS else {}
        return self.config(**self.keys, **labels)

    def build(self, task: str, seed: int = 0) -> hf.PreTrainedModel:
        """The reference model in float32 with shaken weights."""
        torch.manual_seed(seed)
        return shake(CLASSES[task].from_config(self.made(task), attn_implementation=self.attention)).eval()

    def all_tasks(self) -> tuple[str, ...]:
        """The tasks that litz runs the family for."""
        tasks = self.tasks or tuple(family(self.config().model_type).tasks)
        return tuple(task for task in tasks if task in CLASSES)


@dataclass(frozen=True)
class Family:
    """A family's rows, and how the keys of a random configuration are drawn."""

    config: Callable[..., hf.PretrainedConfig]
    drawn: Callable[[Random], Keys]
    rows: list[Row]

    def random_row(self, name: str, seed: int) -> Row:
        """The configuration of this seed."""
        return replace(self.rows[0], name=f"{name}-{seed}", keys=self.drawn(Random(f"{name} {seed}")))


MASKS = ("none", "right", "left", "holes")


def inputs(config: Any, *, mask: str, seed: int = 0, rows: int = 3, time: int = TIME) -> dict[str, torch.Tensor]:
    """A batch of random ids, with token types where the model has some; all but the first row are masked.

    What a mask leaves out is padding, save in holes, which hide any token.
    """
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, config.vocab_size, (rows, time), generator=draw)
    kept = torch.ones(rows, time, dtype=torch.long)
    for row in range(1, rows):
        count = int(torch.randint(1, time, (1,), generator=draw))
        if mask == "right":
            kept[row, time - count :] = 0
        elif mask == "left":
            kept[row, :count] = 0
        elif mask == "holes":
            kept[row] = torch.rand(time, generator=draw) < 0.6
            kept[row, row] = 1
    if mask in ("right", "left"):
        ids = ids.masked_fill(kept == 0, config.pad_token_id)
    found = {"input_ids": ids, "attention_mask": kept}
    if count := getattr(config, "type_vocab_size", 0):
        found["token_type_ids"] = torch.randint(0, count, ids.shape, generator=draw)
    return found


def choices(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The batch as one question with a choice in each row."""
    return {name: value[None] for name, value in given.items()}


def load(folder: Path, task: str, **options: Any) -> Any:
    """litz's model of a folder, for the task."""
    return getattr(litz, HEADS[task].auto_class).from_pretrained(folder, **options)


@cache
def numbers_of(task: str) -> tuple[str, ...]:
    """The fields of an output that hold numbers for each token, or for the whole row, other than hidden states."""
    return {
        "hidden-states": ("last_hidden_state", "pooler_output"),
        "question-answering": ("start_logits", "end_logits"),
    }.get(task, ("logits",))


def at_tokens(value: torch.Tensor, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Of numbers for each token, those of tokens that are not masked; others as they are."""
    mask = given.get("attention_mask")
    if mask is None or value.shape[:2] != mask.shape:
        return value
    return value[mask.bool()]
