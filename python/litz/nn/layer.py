"""A layer: residual sums of branches, each a mixer or a feed-forward between norms."""

from typing import cast

import torch
from torch import Tensor, nn

from litz import spec
from litz.errors import UnsupportedError
from litz.nn.attention import Attention
from litz.nn.context import Context
from litz.nn.conv import ShortConv
from litz.nn.feed_forward import Mlp, Moe
from litz.nn.latent import Latent
from litz.nn.norm import Norm
from litz.nn.recurrent import Recurrent

MIXERS = (Attention, Latent, Recurrent, ShortConv)


def body_of(body: spec.Body, width: int, memory_width: int, *, layer: int) -> nn.Module:
    """The module of a branch's body."""
    if isinstance(body, spec.Attention):
        return Attention(body, width, memory_width, layer=layer)
    if isinstance(body, spec.Latent):
        return Latent(body, width, layer=layer)
    if isinstance(body, spec.Recurrent):
        return Recurrent(body, width, layer=layer)
    if isinstance(body, spec.ShortConv):
        return ShortConv(body, width, layer=layer)
    if isinstance(body, spec.Mlp):
        return Mlp(body, width)
    if isinstance(body, spec.Moe):
        return Moe(body, width)
    raise UnsupportedError(f"the torch executor does not run {body.kind} bodies")


class Layer(nn.Module):
    """`x = after(keep * x + sum of branches of before(x))`, once for every sum. Its parts have the canonical names."""

    def __init__(self, layer: spec.Layer, width: int, memory_width: int, *, index: int) -> None:
        super().__init__()
        self.spec = layer
        for total in layer:
            first = f"{total.branches[0].name}_norm"
            for norm in (total.before, total.after):
                if norm:
                    self.add_module(first, Norm(norm, width))
            for branch in total.branches:
                self._add(branch, width, memory_width, index)
            if total.scale_weight:
                self.scale = nn.Parameter(torch.empty(1))

    def _add(self, branch: spec.Branch, width: int, memory_width: int, index: int) -> None:
        if branch.before:
            self.add_module(f"{branch.name}_norm", Norm(branch.before, width))
        self.add_module(branch.prefix, body_of(branch.body, width, memory_width, layer=index))
        if branch.after:
            self.add_module(f"{branch.name}_post_norm", Norm(branch.after, width))
        if branch.scale_weight:
            self.register_parameter(f"{branch.name}_scale", nn.Parameter(torch.empty(width)))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(batch, time, width) to the same."""
        for total in self.spec:
            x = self._sum(x, total, context)
        return x

    def _sum(self, x: Tensor, total: spec.Sum, context: Context) -> Tensor:
        first = f"{total.branches[0].name}_norm"
        read = self._norm(first, x) if total.before else x
        kept = read if total.normed else x
        made = kept if total.keep == 1.0 else kept * total.keep
        for branch in total.branches:
            made = made + self._branch(read, branch, context)
        if total.after:
            made = self._norm(first, made)
        return made * self.scale if total.scale_weight else made

    def _branch(self, x: Tensor, branch: spec.Branch, context: Context) -> Tensor:
        if branch.before:
            x = self._norm(f"{branch.name}_norm", x)
        body = self.get_submodule(branch.prefix)
        made = cast(Tensor, body(x, context) if isinstance(body, MIXERS) else body(x))
        if branch.after:
            made = self._norm(f"{branch.name}_post_norm", made)
        if branch.scale_weight:
            made = made * self.get_parameter(f"{branch.name}_scale")
        return made if branch.scale == 1.0 else made * branch.scale

    def _norm(self, name: str, x: Tensor) -> Tensor:
        return cast(Tensor, self.get_submodule(name)(x))
