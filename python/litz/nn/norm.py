"""Norms over the last axis."""

import torch
from torch import Tensor, nn

from litz import spec


class Norm(nn.Module):
    """A norm over the last axis, computed in float32 (float64 stays float64).

    The stored weight is `w - spec.offset`.
    """

    def __init__(self, norm: spec.Norm, width: int) -> None:
        super().__init__()
        self.spec = norm
        self.weight = nn.Parameter(torch.empty(width)) if norm.weight else None
        self.bias = nn.Parameter(torch.empty(width)) if norm.bias else None

    def forward(self, x: Tensor, *, per: tuple[int, ...] | None = None) -> Tensor:
        """The normed rows. `per`: the shape that the weight has over x's last axes, where each slice has its own."""
        wide = x if x.dtype == torch.float64 else x.float()
        if self.spec.kind == "layer":
            wide = wide - wide.mean(-1, keepdim=True)
        if self.spec.kind == "l2":
            wide = wide * torch.rsqrt(wide.square().sum(-1, keepdim=True) + self.spec.eps)
        else:
            wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.spec.eps)
        if self.weight is None:
            return wide.to(x.dtype)
        late = self.spec.late or self.spec.kind == "layer"
        weight = self.weight if per is None else self.weight.view(per)
        if late:
            weight = weight.to(wide.dtype)
        normed = wide if late else wide.to(x.dtype)
        made = normed * (weight + self.spec.offset if self.spec.offset else weight)
        if self.bias is not None:
            made = made + (self.bias if per is None else self.bias.view(per))
        return made.to(x.dtype)

    def extra_repr(self) -> str:
        """What printing a model shows of it."""
        return f"{self.spec.kind}, eps={self.spec.eps}"
