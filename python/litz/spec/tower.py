"""A tower: what enters (a stem), a stack of layers, and the norm that ends it."""

from dataclasses import dataclass, field
from typing import Literal

from litz.spec.attention import Attention
from litz.spec.feed_forward import Activation
from litz.spec.layer import Layer, bodies
from litz.spec.norm import Norm, Weights, linear
from litz.spec.position import Buckets, Positions


@dataclass(frozen=True)
class TokenStem:
    """Token ids to vectors: `norm(embed[id] * scale + positions + types)`, with a projection first or last.

    `width` is the embedding's own; `project` leads from it to the tower's, before anything is added ("first": OPT) or
    after the norm ("last": ELECTRA, ALBERT).
    """

    vocab: int
    width: int
    scale: float = 1.0
    positions: Positions | None = None
    types: int = 0
    tasks: int = 0
    norm: Norm | None = None
    project: Literal["first", "last"] | None = None
    project_bias: bool = False
    kind: Literal["tokens"] = field(default="tokens", init=False)

    def weights(self, name: str, width: int) -> Weights:
        """Its tensors; `name` ends in a dot or is empty."""
        inner = self.width if self.project == "last" else width
        yield f"{name}embed.weight", (self.vocab, self.width)
        if self.project:
            yield from linear(f"{name}project_in", width, self.width, bias=self.project_bias)
        if self.positions:
            yield f"{name}positions.weight", (self.positions.rows, inner)
        if self.types:
            yield f"{name}types.weight", (self.types, inner)
        if self.tasks:
            yield f"{name}tasks.weight", (self.tasks, inner)
        if self.norm:
            yield from self.norm.weights(f"{name}embed_norm", inner)


@dataclass(frozen=True)
class PatchStem:
    """An image to vectors: patches through one matrix, tokens of its own in front, positions added. Dosovitskiy, 2020.

    Order: cls, distillation token, registers, patches.
    """

    channels: int
    patch: tuple[int, int]  # (rows, columns)
    frames: int = 1
    bias: bool = True
    cls: bool = False
    distill: bool = False
    registers: int = 0
    positions: int = 0  # rows of the learned table; 0: none
    norm: Norm | None = None
    kind: Literal["patches"] = field(default="patches", init=False)

    def weights(self, name: str, width: int) -> Weights:
        """Its tensors; `name` ends in a dot or is empty."""
        pixels = self.channels * self.frames * self.patch[0] * self.patch[1]
        yield from linear(f"{name}patch", width, pixels, bias=self.bias)
        for part, rows in (("cls", self.cls), ("distill", self.distill), ("registers", self.registers)):
            if rows:
                yield f"{name}{part}", (int(rows), width)
        if self.positions:
            yield f"{name}positions.weight", (self.positions, width)
        if self.norm:
            yield from self.norm.weights(f"{name}embed_norm", width)


@dataclass(frozen=True)
class Convolution:
    """A convolution over time with its norm and activation."""

    width: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True
    norm: Norm | None = None
    groups: int = 0  # of a group norm instead
    activation: Activation | None = "gelu"


@dataclass(frozen=True)
class WaveStem:
    """A waveform or its spectrogram to vectors: convolutions over time, a projection, positions."""

    channels: int  # 1 for a waveform, the mel bands of a spectrogram
    convolutions: tuple[Convolution, ...]
    norm: Norm | None = None  # of what the projection reads
    project: bool = False
    positions: int = 0  # rows of a table
    kind: Literal["waves"] = field(default="waves", init=False)

    def weights(self, name: str, width: int) -> Weights:
        """Its tensors; `name` ends in a dot or is empty."""
        channels = self.channels
        for number, conv in enumerate(self.convolutions):
            yield from linear(f"{name}conv.{number}", conv.width, channels * conv.kernel, bias=conv.bias)
            norm = Norm("layer", bias=True) if conv.groups else conv.norm
            if norm:
                yield from norm.weights(f"{name}conv.{number}.norm", conv.width)
            channels = conv.width
        if self.norm:
            yield from self.norm.weights(f"{name}project_norm", channels)
        if self.project:
            yield from linear(f"{name}project_in", width, channels, bias=True)
        if self.positions:
            yield f"{name}positions.weight", (self.positions, width)


Stem = TokenStem | PatchStem | WaveStem


@dataclass(frozen=True)
class Streams:
    """Hyper-connections: `count` residual streams, mixed before and after each sum. Zhu et al., 2024."""

    count: int
    steps: int = 0  # of Sinkhorn's normalisation; 0: gates
    eps: float = 0.0


@dataclass(frozen=True)
class LayerInputs:
    """A second embedding: a vector of `width` for each token and layer, which `LayerInput` branches read."""

    vocab: int
    width: int
    scale: float = 1.0
    norm: Norm | None = None


@dataclass(frozen=True)
class Tower:
    """A stem, layers and a norm.

    `memory` names the tower whose output cross-attention reads. The model has as many positions as `context`.
    `weights_of`: layer i has the weights called `layers.{weights_of[i]}` (ALBERT); empty: each layer has its own.
    """

    width: int
    context: int
    stem: Stem
    layers: tuple[Layer, ...]
    norm: Norm | None = None
    memory: str | None = None
    streams: Streams | None = None
    layer_inputs: LayerInputs | None = None
    weights_of: tuple[int, ...] = ()

    def weights(self, name: str, memory_width: int) -> Weights:
        """Its tensors; `name` ends in a dot or is empty."""
        yield from self.stem.weights(name, self.width)
        if self.layer_inputs:
            yield from self._layer_inputs(f"{name}layer_inputs", self.layer_inputs)
        if table := self.shared_buckets():
            yield f"{name}position_bias.weight", (table[0].count, table[1])
        own = self.weights_of or range(len(self.layers))
        for index, layer in dict(zip(own, self.layers, strict=True)).items():
            for total in layer:
                yield from total.weights(f"{name}layers.{index}", self.width, memory_width)
        if self.norm:
            yield from self.norm.weights(f"{name}norm", self.width)

    def shared_buckets(self) -> tuple[Buckets, int] | None:
        """The table of position buckets that all layers share, and for how many heads."""
        for body in (body for layer in self.layers for body in bodies(layer)):
            if isinstance(body, Attention) and isinstance(body.position_bias, Buckets) and body.position_bias.shared:
                return body.position_bias, body.heads
        return None

    def _layer_inputs(self, name: str, inputs: LayerInputs) -> Weights:
        total = len(self.layers) * inputs.width
        yield f"{name}.embed.weight", (inputs.vocab, total)
        yield f"{name}.project.weight", (total, self.width)
        if inputs.norm:
            yield from inputs.norm.weights(f"{name}.norm", inputs.width)
