"""A whole model in torch: towers and a head, with parameters under canonical names."""

from torch import Tensor, nn

from litz import spec
from litz.nn.heads import Head, pooled
from litz.nn.tower import Tower


def canonical(path: str) -> str:
    """The name that `spec.weights` has for a parameter: without "stem", and without the prefix of the text tower."""
    return path.removeprefix("text.").replace("stem.", "", 1)


class Network(nn.Module):
    """The Spec in torch. Parameters are made empty: a checkpoint, or `initialise`, fills them."""

    def __init__(self, model: spec.Spec) -> None:
        super().__init__()
        self.spec = model
        for name, tower in model.towers.items():
            width = model.towers[tower.memory].width if tower.memory else tower.width
            self.add_module(name, Tower(tower, width))
        if isinstance(model.head, spec.LmHead) and model.head.project:
            self.project_out = nn.Linear(model.main.width, model.head.width, bias=False)
        self.head = (
            Head(model.head, model.head.width if isinstance(model.head, spec.LmHead) else model.main.width)
            if model.head
            else None
        )

    @property
    def main(self) -> Tower:
        """The tower that the head reads."""
        tower = self.get_submodule(list(self.spec.towers)[-1])
        assert isinstance(tower, Tower)
        return tower

    def outputs(self, hidden: Tensor, real: Tensor | None = None) -> Tensor:
        """What the head makes of hidden states: (batch, time, outputs), or (batch, outputs) where it pools."""
        if self.head is None:
            return hidden
        head = self.spec.head
        if isinstance(head, spec.PooledHead):
            if head.pool_last:
                return pooled(self.head(hidden), head.pool, real)
            return self.head(pooled(hidden, head.pool, real))  # type: ignore[no-any-return]
        if isinstance(head, spec.LmHead) and head.project:
            hidden = self.project_out(hidden)
        return self.head(hidden, self.main.stem.embed.weight)  # type: ignore[no-any-return]
