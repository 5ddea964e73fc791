"""What enters a tower: token ids as vectors."""

import torch
from torch import Tensor, nn

from litz import spec
from litz.nn.norm import Norm


class TokenStem(nn.Module):
    """`norm(embed[id] * scale + positions + types)`, with a projection first or last."""

    def __init__(self, stem: spec.TokenStem, width: int) -> None:
        super().__init__()
        self.spec = stem
        inner = stem.width if stem.project == "last" else width
        self.embed = nn.Embedding(stem.vocab, stem.width)
        self.project_in = nn.Linear(stem.width, width, bias=stem.project_bias) if stem.project else None
        self.positions = nn.Embedding(stem.positions.rows, inner) if stem.positions else None
        self.types = nn.Embedding(stem.types, inner) if stem.types else None
        self.tasks = nn.Embedding(stem.tasks, inner) if stem.tasks else None
        self.embed_norm = Norm(stem.norm, inner) if stem.norm else None

    def forward(self, x: Tensor, positions: Tensor, types: Tensor | None) -> Tensor:
        """`x` are the rows of the embedding, (batch, time, width)."""
        if self.spec.scale != 1.0:
            x = x * torch.tensor(self.spec.scale, dtype=x.dtype)
        if self.project_in is not None and self.spec.project == "first":
            x = self.project_in(x)
        if self.types is not None:
            x = x + self.types(torch.zeros_like(positions) if types is None else types)
        if self.positions is not None and self.spec.positions is not None:
            x = x + self.positions(positions + self.spec.positions.offset)
        if self.tasks is not None:
            x = x + self.tasks(torch.zeros_like(positions))
        if self.embed_norm is not None:
            x = self.embed_norm(x)
        return self.project_in(x) if self.project_in is not None and self.spec.project == "last" else x
