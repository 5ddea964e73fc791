"""What is computed from a tower's output."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from litz import spec
from litz.nn.feed_forward import ACTIVATIONS
from litz.nn.norm import Norm


class Head(nn.Module):
    """pool → dense → activation → norm → output; what the Spec leaves out is skipped.

    Its parts have the canonical names: `head.dense`, `head.norm`, and `head.weight` for the output's own weight.
    """

    def __init__(self, head: spec.Head, width: int) -> None:
        super().__init__()
        self.spec = head
        dense = getattr(head, "dense", None)
        self.dense = nn.Linear(width, dense.width, bias=dense.bias) if dense else None
        self.norm = Norm(dense.norm, dense.width) if dense and dense.norm else None
        inner = dense.width if dense else width
        rows = head.vocab if isinstance(head, spec.LmHead | spec.CtcHead) else head.outputs
        own = rows is not None and not (isinstance(head, spec.LmHead) and head.tied)
        self.weight = nn.Parameter(torch.empty(rows, inner)) if own and rows is not None else None
        self.bias = nn.Parameter(torch.empty(rows)) if rows is not None and head.bias else None

    def transform(self, x: Tensor) -> Tensor:
        """What comes before the output, for each row."""
        if self.dense is None:
            return x
        x = self.dense(x)
        activation = cast(spec.Dense, getattr(self.spec, "dense", None)).activation
        if activation is not None:
            x = ACTIVATIONS[activation](x)
        return x if self.norm is None else self.norm(x)

    def forward(self, x: Tensor, tied: Tensor | None = None) -> Tensor:
        """The outputs of each row; `tied` is the embedding's matrix, where the head has none of its own."""
        x = self.transform(x)
        weight = self.weight if self.weight is not None else tied
        if weight is None:
            return x
        made = fn.linear(x, weight, self.bias)
        if isinstance(self.spec, spec.LmHead):
            made = made if self.spec.scale == 1.0 else made * self.spec.scale
            if self.spec.softcap is not None:
                made = self.spec.softcap * torch.tanh(made / self.spec.softcap)
        return made


def pooled(x: Tensor, pool: str, real: Tensor | None) -> Tensor:
    """One vector for each sequence, (batch, width): the first position, the mean of real ones, or the last of them."""
    if pool == "first":
        return x[:, 0]
    real = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if real is None else real
    if pool == "mean":
        share = real.to(x.dtype)
        return (x * share[..., None]).sum(1) / share.sum(1, keepdim=True)
    places = torch.arange(x.shape[1], device=x.device).expand(real.shape)
    last = places.masked_fill(~real, 0).amax(1)
    return x[torch.arange(len(x), device=x.device), last]
