"""Losses, as transformers computes them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as fn

from litz.errors import ArgumentError

IGNORED = -100  # a label that counts for nothing

CHUNK = 1024  # positions whose logits are held at once


def next_token(
    hidden: Tensor, labels: Tensor, logits: Callable[[Tensor], Tensor], *, items: Tensor | int | None = None
) -> Tensor:
    """Cross-entropy of each position's logits with the next position's label.

    `hidden` (batch, time, width) becomes logits in chunks, and in a backward pass once more, so that those of all
    positions are never held. The sum is divided by `items`, else by the number of labels that count.
    """
    rows, targets = hidden[:, :-1].flatten(0, 1), labels[:, 1:].flatten().to(hidden.device)
    total = torch.zeros(
        (), dtype=torch.float64 if hidden.dtype == torch.float64 else torch.float32, device=hidden.device
    )
    for part, wanted in zip(torch.split(rows, CHUNK), torch.split(targets, CHUNK), strict=True):
        if torch.is_grad_enabled() and len(rows) > CHUNK:
            from torch.utils.checkpoint import checkpoint

            total = total + checkpoint(_summed, logits, part, wanted, use_reentrant=False)
        else:
            total = total + _summed(logits, part, wanted)
    return total / (items if items is not None else (targets != IGNORED).sum())


def _summed(logits: Callable[[Tensor], Tensor], rows: Tensor, targets: Tensor) -> Tensor:
    made = logits(rows)
    wide = made if made.dtype == torch.float64 else made.float()
    return fn.cross_entropy(wide, targets, ignore_index=IGNORED, reduction="sum")


def tokens(logits: Tensor, labels: Tensor, *, items: Tensor | int | None = None) -> Tensor:
    """Cross-entropy of each position's outputs with its own label: masked tokens, classes of tokens."""
    wide, targets = logits.float().flatten(0, -2), labels.flatten().to(logits.device)
    if items is None:
        return fn.cross_entropy(wide, targets, ignore_index=IGNORED)
    return fn.cross_entropy(wide, targets, ignore_index=IGNORED, reduction="sum") / items


def sequences(logits: Tensor, labels: Tensor, problem_type: str | None) -> Tensor:
    """The loss of one output row a sequence, (batch, outputs), by the configuration's `problem_type`.

    Without one: a single output is a regression, whole labels are classes, others are several labels at once.
    """
    labels = labels.to(logits.device)
    if problem_type is None:
        whole = labels.dtype in (torch.int64, torch.int32)
        several = "single_label_classification" if whole else "multi_label_classification"
        problem_type = "regression" if logits.shape[-1] == 1 else several
    if problem_type == "regression":
        same = logits.squeeze() if logits.shape[-1] == 1 else logits
        return fn.mse_loss(same, labels.squeeze() if logits.shape[-1] == 1 else labels)
    if problem_type == "single_label_classification":
        return fn.cross_entropy(logits, labels.view(-1))
    if problem_type == "multi_label_classification":
        return fn.binary_cross_entropy_with_logits(logits, labels)
    raise ArgumentError(
        f"problem_type {problem_type!r}: choose regression, single_label_classification or multi_label_classification"
    )


def answers(start: Tensor, end: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """The mean of both ends' cross-entropies, (batch, time) each; places outside the row count for nothing."""
    time = start.shape[1]
    first, last = (places.reshape(-1).to(start.device).clamp(0, time) for places in (starts, ends))
    both = (fn.cross_entropy(scores, places, ignore_index=time) for scores, places in ((start, first), (end, last)))
    return sum(both, torch.zeros((), dtype=start.dtype, device=start.device)) / 2
