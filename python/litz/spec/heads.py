"""Heads: what is computed from a tower's output, pool → dense → activation → norm → output."""

from dataclasses import dataclass, field
from typing import Literal

from litz.spec.feed_forward import Activation
from litz.spec.norm import Norm, Weights, linear


@dataclass(frozen=True)
class Dense:
    """`norm(activation(dense(x)))` before the output."""

    width: int
    activation: Activation | None = None
    bias: bool = True
    norm: Norm | None = None

    def weights(self, name: str, width: int) -> Weights:
        """Its tensors."""
        yield from linear(f"{name}.dense", self.width, width, bias=self.bias)
        if self.norm:
            yield from self.norm.weights(f"{name}.norm", self.width)


@dataclass(frozen=True)
class LmHead:
    """Logits over the vocabulary for every position: softcap(output(x) * scale). Tied: the output is the embedding."""

    vocab: int
    width: int  # of its rows; `project` leads to it from the tower's
    tied: bool = False
    bias: bool = False
    scale: float = 1.0
    softcap: float | None = None
    project: bool = False
    dense: Dense | None = None
    kind: Literal["lm"] = field(default="lm", init=False)

    def weights(self, width: int) -> Weights:
        """Its tensors, behind a tower of this width."""
        if self.project:
            yield "project_out.weight", (self.width, width)
        if self.dense:
            yield from self.dense.weights("head", width)
        if not self.tied:
            yield "head.weight", (self.vocab, self.width)
        if self.bias:
            yield "head.bias", (self.vocab,)


@dataclass(frozen=True)
class PooledHead:
    """One vector for a sequence, and `outputs` numbers made of it; without outputs the vector itself.

    "first" is the token at index 0, padding or not; "first_real" and "last" are the first and the last token that is
    not masked, and "mean" averages over all of these.
    """

    pool: Literal["first", "first_real", "mean", "last"]
    outputs: int | None = None
    dense: Dense | None = None
    bias: bool = True
    pool_last: bool = False  # dense and output are computed for each token, and pooled then
    kind: Literal["pooled"] = field(default="pooled", init=False)

    def weights(self, width: int) -> Weights:
        """Its tensors, behind a tower of this width."""
        yield from _output_weights(self.dense, self.outputs, width, bias=self.bias)


@dataclass(frozen=True)
class TokenHead:
    """`outputs` numbers for each token: labels, or the start and end of an answer."""

    outputs: int
    dense: Dense | None = None
    bias: bool = True
    kind: Literal["token"] = field(default="token", init=False)

    def weights(self, width: int) -> Weights:
        """Its tensors, behind a tower of this width."""
        yield from _output_weights(self.dense, self.outputs, width, bias=self.bias)


@dataclass(frozen=True)
class CtcHead:
    """Logits over characters for each frame; `blank` is the one that stands for none. Graves et al., 2006."""

    vocab: int
    blank: int
    bias: bool = True
    kind: Literal["ctc"] = field(default="ctc", init=False)

    def weights(self, width: int) -> Weights:
        """Its tensors, behind a tower of this width."""
        yield from _output_weights(None, self.vocab, width, bias=self.bias)


Head = LmHead | PooledHead | TokenHead | CtcHead


def _output_weights(dense: Dense | None, outputs: int | None, width: int, *, bias: bool) -> Weights:
    if dense:
        yield from dense.weights("head", width)
    if outputs is not None:
        yield from linear("head", outputs, dense.width if dense else width, bias=bias)
