"""A layer: residual sums of branches, each a mixer or a feed-forward between norms."""

from dataclasses import dataclass

from litz.spec.attention import Attention, Latent
from litz.spec.feed_forward import LayerInput, Mlp, Moe
from litz.spec.norm import Norm, Weights
from litz.spec.recurrent import Recurrent, ShortConv

Body = Attention | Latent | Recurrent | ShortConv | Mlp | Moe | LayerInput


@dataclass(frozen=True)
class Branch:
    """`after(body(before(x))) * scale`, and times the vector `NAME_scale` with `scale_weight`.

    Its norms are called `NAME_norm` and `NAME_post_norm`. Attention and Mlp lie under the name, other bodies under
    their kind: that is one name for a mixer's norm in every layer of a hybrid.
    """

    name: str  # "attn", "cross", "mlp"
    body: Body
    before: Norm | None = None
    after: Norm | None = None
    scale: float = 1.0
    scale_weight: bool = False

    @property
    def prefix(self) -> str:
        """What the names of the body's weights begin with."""
        return self.name if self.body.kind in ("attention", "mlp") else self.body.kind

    def weights(self, layer: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        if self.before:
            yield from self.before.weights(f"{layer}.{self.name}_norm", width)
        yield from self.body.weights(f"{layer}.{self.prefix}", width, memory_width)
        if self.after:
            yield from self.after.weights(f"{layer}.{self.name}_post_norm", width)
        if self.scale_weight:
            yield f"{layer}.{self.name}_scale", (width,)


@dataclass(frozen=True)
class Sum:
    """`x = after(x + sum of branches of before(x))`.

    `before` is one norm for all branches (Cohere, Falcon 7B); it and `after` are called as the first branch's norm.
    `normed`: what is kept is `keep * before(x)` (MiniMax). `scale_weight`: x is multiplied by `layers.{i}.scale`
    afterwards (Gemma 4).
    """

    branches: tuple[Branch, ...]
    before: Norm | None = None
    after: Norm | None = None
    keep: float = 1.0
    normed: bool = False
    scale_weight: bool = False

    def weights(self, layer: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        for norm in (self.before, self.after):
            if norm:
                yield from norm.weights(f"{layer}.{self.branches[0].name}_norm", width)
        for branch in self.branches:
            yield from branch.weights(layer, width, memory_width)
        if self.scale_weight:
            yield f"{layer}.scale", (1,)


Layer = tuple[Sum, ...]


def bodies(layer: Layer) -> tuple[Body, ...]:
    """The layer's mixers and feed-forwards, in order."""
    return tuple(branch.body for total in layer for branch in total.branches)


def attention(layer: Layer) -> Attention | None:
    """The layer's attention over its own tokens, if it has one."""
    found = (body for body in bodies(layer) if isinstance(body, Attention) and body.memory is None)
    return next(found, None)


def feed_forward(layer: Layer) -> Mlp | Moe | None:
    """The layer's feed-forward, if it has one."""
    return next((body for body in bodies(layer) if isinstance(body, Mlp | Moe)), None)
