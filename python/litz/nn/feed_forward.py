"""What works on each position by itself: dense feed-forwards and mixtures of experts."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from litz import spec
from litz.nn.norm import Norm
from litz.nn.shapes import split

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": fn.silu,
    "gelu": fn.gelu,
    "gelu_tanh": lambda x: fn.gelu(x, approximate="tanh"),
    "relu": fn.relu,
    "relu2": lambda x: fn.relu(x).square(),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


class Mlp(nn.Module):
    """`down(activation(gate(x)) * up(x))`, or `down(activation(up(x)))`."""

    def __init__(self, mlp: spec.Mlp, width: int) -> None:
        super().__init__()
        self.spec = mlp
        self.up = nn.Linear(width, mlp.width, bias=mlp.bias)
        self.gate = nn.Linear(width, mlp.width, bias=mlp.bias) if mlp.gated else None
        self.down_norm = Norm(mlp.norm, mlp.width) if mlp.norm else None
        self.down = nn.Linear(mlp.width, width, bias=mlp.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same."""
        activation = ACTIVATIONS[self.spec.activation]
        hidden = activation(self.up(x)) if self.gate is None else self._gated(self.gate(x), self.up(x))
        return self.down(hidden if self.down_norm is None else self.down_norm(hidden))  # type: ignore[no-any-return]

    def _gated(self, gate: Tensor, up: Tensor) -> Tensor:
        if self.spec.limit is not None:
            gate, up = gate.clamp(max=self.spec.limit), up.clamp(-self.spec.limit, self.spec.limit)
        return ACTIVATIONS[self.spec.activation](gate) * (up + self.spec.up_offset if self.spec.up_offset else up)


class Moe(nn.Module):
    """A mixture of experts: every token goes through the `top_k` that the router gives it, summed in their order."""

    def __init__(self, moe: spec.Moe, width: int) -> None:
        super().__init__()
        self.spec = moe
        inner = moe.latent or width
        one = spec.Mlp(
            moe.width, moe.activation, gated=moe.gated, bias=moe.bias, limit=moe.limit, up_offset=moe.up_offset
        )
        self.router = nn.Linear(width, moe.experts, bias=moe.router.bias)
        self.correction = nn.Parameter(torch.empty(moe.experts)) if moe.router.correction else None
        self.router_norm = Norm(moe.router.norm, width) if moe.router.norm else None
        self.into = nn.Linear(width, inner, bias=False) if moe.latent else None
        self.out_of = nn.Linear(inner, width, bias=False) if moe.latent else None
        self.experts = nn.ModuleList(Mlp(one, inner) for _ in range(moe.experts))
        shared = spec.Mlp(moe.shared_width or 0, moe.activation, gated=moe.gated)
        self.shared = Mlp(shared, width) if moe.shared_width is not None else None
        self.shared_gate = nn.Linear(width, 1, bias=False) if moe.shared_gate else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, width) to the same."""
        flat = x.reshape(-1, x.shape[-1])  # (tokens, width)
        weights, chosen = self.route(flat)
        rows = flat if self.into is None else self.into(flat)
        made = torch.zeros_like(rows)
        for index, expert in enumerate(self.experts):
            token, place = torch.where(chosen == index)
            share = weights[token, place, None].to(rows.dtype)
            before = self.spec.router.weigh_input
            part = expert(rows[token] * share) if before else expert(rows[token]) * share
            made = made.index_add(0, token, part.to(made.dtype))
        if self.out_of is not None:
            made = self.out_of(made)
        if self.shared is not None:
            own = self.shared(flat)
            made = made + (own if self.shared_gate is None else own * torch.sigmoid(self.shared_gate(flat)))
        return made.reshape(x.shape)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The weights and the numbers of each token's experts: (tokens, top_k) both."""
        router = self.spec.router
        logits = self.router(x if self.router_norm is None else self.router_norm(x))
        wide = logits if logits.dtype == torch.float64 else logits.float()
        scores = wide.softmax(-1) if router.scores == "softmax" else wide.sigmoid()
        ranked = scores if self.correction is None else scores + self.correction
        if router.groups is not None:
            ranked = _within_groups(ranked, router.groups)
        chosen = ranked.topk(router.top_k, dim=-1).indices
        weights = scores.gather(-1, chosen)
        if router.normalize:
            weights = weights / (weights.sum(-1, keepdim=True) + router.eps)
        return weights * router.scale, chosen


def _within_groups(scores: Tensor, groups: spec.Groups) -> Tensor:
    """-inf for experts outside the kept groups."""
    parts = split(scores, groups.count, -1)  # (tokens, groups, experts of each)
    worth = parts.topk(groups.best, dim=-1).values.sum(-1)
    kept = torch.zeros_like(worth, dtype=torch.bool).scatter(-1, worth.topk(groups.kept, dim=-1).indices, True)
    return parts.masked_fill(~kept[..., None], -torch.inf).flatten(-2)
