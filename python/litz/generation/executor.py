"""The interface of a model for generation: an executor, which computes logits."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from litz._core import SequenceStore

if TYPE_CHECKING:
    from litz import _core
    from litz.generation.config import GenerationConfig

S = TypeVar("S")


class Executor(Protocol[S]):
    """Computes the logits of sequences of tokens; `S` is its state of a sequence, such as a key-value cache.

    The loop calls one method at a time within a run, from the thread that generates; several threads may run at once.
    Whatever a method raises ends the run and reaches the caller of `generate` as it is.
    """

    @property
    def vocab(self) -> int:
        """How many logits a token has."""

    @property
    def context(self) -> int:
        """How many tokens the longest sequence has."""

    @property
    def store(self) -> SequenceStore | None:
        """Where sequences are kept between runs, so that a conversation is not read again; None keeps nothing."""

    def sequence(self) -> S:
        """A sequence without tokens."""

    def step(self, tokens: list[list[int]], sequences: list[S], /) -> Any:
        """Appends tokens, at least one, to each sequence; the logits of its last token, (batch, vocab) float32.

        The result has Python's buffer protocol, as numpy arrays do; of a torch tensor, return
        `logits.detach().float().cpu().numpy()`. -inf forbids a token; NaN and +inf are errors, unless
        remove_invalid_values replaces them. Prompts come in parts of any length.
        """

    def rewind(self, sequence: S, to: int, /) -> int:
        """Drops the tokens from `to` on. Returns how many are left: fewer than `to` where it cannot stop there."""

    def fork(self, sequence: S, /) -> S:
        """An independent copy."""


class GenerativeModel(Protocol):
    """A model that `generate`, `stream` and `explain_generation` take, or have as methods."""

    generation_config: "GenerationConfig"

    @property
    def executor(self) -> "_core.Model | Executor[Any]":
        """The executor: the native core, or any other."""


class StatelessExecutor:
    """The executor of a function that takes whole sequences: each step computes all their tokens again.

    `function(rows)` returns the logits of each row's last token, (rows, vocab) float32; rows have different lengths.
    """

    store: SequenceStore | None = None

    def __init__(self, function: Callable[[Sequence[Sequence[int]]], Any], *, vocab: int, context: int) -> None:
        self._function = function
        self.vocab = vocab
        self.context = context

    def sequence(self) -> list[int]:
        """The tokens so far."""
        return []

    def step(self, tokens: list[list[int]], sequences: list[list[int]], /) -> Any:
        """The function's logits."""
        for sequence, new in zip(sequences, tokens, strict=True):
            sequence.extend(new)
        return self._function(sequences)

    def rewind(self, sequence: list[int], to: int, /) -> int:
        """Reaches any length."""
        del sequence[to:]
        return to

    def fork(self, sequence: list[int], /) -> list[int]:
        """A copy of the tokens."""
        return list(sequence)
