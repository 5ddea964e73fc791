"""What works on each position by itself: dense and sparse feed-forwards."""

from dataclasses import dataclass, field
from typing import Literal

from litz.spec.norm import Norm, Weights, linear

Activation = Literal["silu", "gelu", "gelu_tanh", "relu", "relu2", "quick_gelu", "xielu", "tanh", "sigmoid"]


@dataclass(frozen=True)
class Mlp:
    """down(act(gate(x)) * up(x)), or down(act(up(x))) when it is not gated."""

    width: int
    activation: Activation = "silu"
    gated: bool = True
    bias: bool = False
    norm: Norm | None = None  # before down (BitNet)
    limit: float | None = None  # gate <= limit, -limit <= up <= limit
    up_offset: float = 0.0  # added to up (gpt-oss: 1)
    sparsity: float | None = None  # only gates above mean + deviation * quantile(sparsity) count (Gemma 3n)
    kind: Literal["mlp"] = field(default="mlp", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        del memory_width
        yield from linear(f"{name}.up", self.width, width, bias=self.bias)
        if self.gated:
            yield from linear(f"{name}.gate", self.width, width, bias=self.bias)
        if self.norm:
            yield from self.norm.weights(f"{name}.down_norm", self.width)
        yield from linear(f"{name}.down", width, self.width, bias=self.bias)
        if self.activation == "xielu":
            yield from ((f"{name}.act.{part}", (1,)) for part in ("alpha_p", "alpha_n", "beta", "eps"))


@dataclass(frozen=True)
class Groups:
    """Experts in groups: only those of the `kept` groups are chosen from, by the sum of a group's `best` scores."""

    count: int
    kept: int
    best: int = 2


@dataclass(frozen=True)
class Router:
    """How a token's `top_k` experts are chosen and weighed.

    Scores are a softmax over all experts, or a sigmoid of each; a tie goes to the lower index. `correction` is added to
    the scores for the choice only. `normalize` divides the chosen ones by their sum + eps; then they are scaled.
    """

    top_k: int
    scores: Literal["softmax", "sigmoid"] = "softmax"
    bias: bool = False  # of the logits
    correction: bool = False
    groups: Groups | None = None
    normalize: bool = True
    eps: float = 0.0
    scale: float = 1.0
    weigh_input: bool = False  # expert(weight * x) instead of weight * expert(x) (Llama 4)
    norm: Norm | None = None  # of what the router reads (Gemma 4)


@dataclass(frozen=True)
class Moe:
    """A mixture of experts: each token is routed to `router.top_k` of them, each an Mlp of `width`.

    A shared expert, times sigmoid(shared_gate(x)) where there is one, is added for every token. With `latent`, experts
    work on a projection of that width.
    """

    experts: int
    width: int
    router: Router
    activation: Activation = "silu"
    gated: bool = True
    bias: bool = False
    limit: float | None = None
    up_offset: float = 0.0
    shared_width: int | None = None
    shared_gate: bool = False
    latent: int | None = None
    kind: Literal["moe"] = field(default="moe", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        del memory_width
        yield from linear(f"{name}.router", self.experts, width, bias=self.router.bias)
        if self.router.correction:
            yield f"{name}.correction", (self.experts,)
        if self.router.norm:
            yield from self.router.norm.weights(f"{name}.router_norm", width)
        inner = self.latent or width
        if self.latent:
            yield f"{name}.into.weight", (self.latent, width)
            yield f"{name}.out_of.weight", (width, self.latent)
        for expert in range(self.experts):
            yield from self._expert(f"{name}.experts.{expert}", inner, self.width, bias=self.bias)
        if self.shared_width is not None:
            yield from self._expert(f"{name}.shared", width, self.shared_width, bias=False)
        if self.shared_gate:
            yield f"{name}.shared_gate.weight", (1, width)

    def _expert(self, name: str, outer: int, inner: int, *, bias: bool) -> Weights:
        if self.gated:
            yield from linear(f"{name}.gate", inner, outer, bias=bias)
        yield from linear(f"{name}.up", inner, outer, bias=bias)
        yield from linear(f"{name}.down", outer, inner, bias=bias)


@dataclass(frozen=True)
class LayerInput:
    """What each layer adds of a token's own vector for it: project(act(gate(x)) * input). Gemma 3n and 4."""

    width: int
    activation: Activation = "gelu_tanh"
    kind: Literal["layer_input"] = field(default="layer_input", init=False)

    def weights(self, name: str, width: int, memory_width: int) -> Weights:
        """Its tensors."""
        del memory_width
        yield f"{name}.gate.weight", (self.width, width)
        yield f"{name}.project.weight", (width, self.width)
