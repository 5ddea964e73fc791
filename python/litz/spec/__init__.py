"""What a model computes, as data: one frozen `Spec`, and the tensors that follow from it.

`architectures/` makes a Spec from a configuration; every executor reads nothing else. A layer is a tuple of residual
sums, a sum has branches, a norm is a value where it stands; so a family is data and never a class. What a Spec may say
is checked once, by the native engine's `check_spec`; an executor refuses by name what it does not run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import prod
from typing import Any

from litz.spec.attention import Attention as Attention
from litz.spec.attention import Indexer as Indexer
from litz.spec.attention import Latent as Latent
from litz.spec.attention import Mask as Mask
from litz.spec.feed_forward import Activation as Activation
from litz.spec.feed_forward import Groups as Groups
from litz.spec.feed_forward import LayerInput as LayerInput
from litz.spec.feed_forward import Mlp as Mlp
from litz.spec.feed_forward import Moe as Moe
from litz.spec.feed_forward import Router as Router
from litz.spec.heads import CtcHead as CtcHead
from litz.spec.heads import Dense as Dense
from litz.spec.heads import Head as Head
from litz.spec.heads import LmHead as LmHead
from litz.spec.heads import PooledHead as PooledHead
from litz.spec.heads import TokenHead as TokenHead
from litz.spec.layer import Body as Body
from litz.spec.layer import Branch as Branch
from litz.spec.layer import Layer as Layer
from litz.spec.layer import Sum as Sum
from litz.spec.layer import attention as attention
from litz.spec.layer import bodies as bodies
from litz.spec.layer import feed_forward as feed_forward
from litz.spec.norm import Norm as Norm
from litz.spec.norm import Shape as Shape
from litz.spec.norm import Weights as Weights
from litz.spec.position import Alibi as Alibi
from litz.spec.position import Buckets as Buckets
from litz.spec.position import LongFrequencies as LongFrequencies
from litz.spec.position import Positions as Positions
from litz.spec.position import Rope as Rope
from litz.spec.position import Temper as Temper
from litz.spec.recurrent import Decay as Decay
from litz.spec.recurrent import Recurrent as Recurrent
from litz.spec.recurrent import ShortConv as ShortConv
from litz.spec.tower import Convolution as Convolution
from litz.spec.tower import LayerInputs as LayerInputs
from litz.spec.tower import PatchStem as PatchStem
from litz.spec.tower import Stem as Stem
from litz.spec.tower import Streams as Streams
from litz.spec.tower import TokenStem as TokenStem
from litz.spec.tower import Tower as Tower
from litz.spec.tower import WaveStem as WaveStem


@dataclass(frozen=True)
class Spec:
    """A whole model: towers by name, and the head, which reads the last of them.

    One tower is called "text"; its weights have no prefix, those of others begin with their tower's name.
    """

    towers: Mapping[str, Tower]
    head: Head | None

    @property
    def main(self) -> Tower:
        """The tower that the head reads."""
        return list(self.towers.values())[-1]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of the main tower."""
        return self.main.layers

    @property
    def width(self) -> int:
        """The width of the main tower's residual stream."""
        return self.main.width

    @property
    def context(self) -> int:
        """The longest sequence of the main tower."""
        return self.main.context

    @property
    def vocab(self) -> int:
        """The number of tokens in the main tower's vocabulary."""
        return self.main.stem.vocab if isinstance(self.main.stem, TokenStem) else 0

    @property
    def is_tied(self) -> bool:
        """Whether the head's matrix is the embedding."""
        return isinstance(self.head, LmHead) and self.head.tied

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def to_json(self) -> str:
        """The form that executors read: layers that are alike are written once, as `kinds`, and counted in `layers`."""
        towers = {}
        for name, tower in self.towers.items():
            kinds = {layer: index for index, layer in enumerate(dict.fromkeys(tower.layers))}
            made = {field.name: _plain(getattr(tower, field.name)) for field in fields(tower) if field.name != "layers"}
            if not tower.weights_of:
                del made["weights_of"]
            towers[name] = {**made, "kinds": _plain(list(kinds)), "layers": [kinds[layer] for layer in tower.layers]}
        return json.dumps({"towers": towers, "head": _plain(self.head)})


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value] if value and not isinstance(value[0], float | int) else list(value)
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def weights(spec: Spec) -> Weights:
    """Every tensor of the model, canonical name and shape (outermost first).

    The one list behind the load check, parameter counts and memory estimates; executors request the same.
    """
    for name, tower in spec.towers.items():
        memory = spec.towers[tower.memory].width if tower.memory else tower.width
        yield from tower.weights("" if name == "text" else f"{name}.", memory)
    if spec.head:
        yield from spec.head.weights(spec.main.width)


def parameters(spec: Spec) -> int:
    """How many numbers the model holds; a tied head counts once."""
    return sum(prod(shape) for _, shape in weights(spec))
