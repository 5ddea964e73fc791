"""Causal convolutions over each channel by itself, and LFM2's mixer made of one."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from litz import spec
from litz.nn.cache import Window
from litz.nn.context import Context


class CausalConv(nn.Module):
    """Each output is the weighted sum of a channel's last `kernel` inputs, the newest last."""

    def __init__(self, channels: int, kernel: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, kernel))
        self.bias = nn.Parameter(torch.empty(channels)) if bias else None

    def forward(self, x: Tensor, window: Window | None) -> Tensor:
        """The outputs for x (batch, time, channels); `window` has the inputs before it, and gets those after it."""
        channels, kernel = self.weight.shape
        past = x.new_zeros(len(x), kernel - 1, channels) if window is None else window.before(x, kernel - 1)
        whole = torch.cat((past, x), 1)
        if window is not None:
            window.inputs = whole[:, whole.shape[1] - (kernel - 1) :]
        return fn.conv1d(whole.transpose(1, 2), self.weight[:, None], self.bias, groups=channels).transpose(1, 2)


class ShortConv(nn.Module):
    """`o(c(x) * conv(b(x) * v(x)))`. LFM2, 2025."""

    def __init__(self, conv: spec.ShortConv, width: int, *, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.b = nn.Linear(width, width, bias=conv.bias)
        self.c = nn.Linear(width, width, bias=conv.bias)
        self.v = nn.Linear(width, width, bias=conv.bias)
        self.conv = CausalConv(width, conv.kernel, bias=conv.bias)
        self.o = nn.Linear(width, width, bias=conv.bias)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(batch, time, width) to the same."""
        x = context.without_padding(x)
        window = None if context.cache is None else context.cache.window(self.layer)
        made = self.conv(context.without_padding(self.b(x) * self.v(x)), window)
        return cast(Tensor, self.o(self.c(x) * made))
