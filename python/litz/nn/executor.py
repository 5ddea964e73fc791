"""A network as the executor of generation: sequences that are read together share one cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from litz._core import SequenceStore
from litz.nn.cache import Cache
from litz.nn.network import Network
from litz.nn.tower import Tokens


@dataclass
class Batch:
    """A cache of several sequences, row by row, with how many tokens each has."""

    cache: Cache
    lengths: list[int]


@dataclass
class Sequence:
    """A row of a batch's cache; None before the first token."""

    batch: Batch | None = None
    row: int = 0

    @property
    def length(self) -> int:
        """How many tokens it has."""
        return 0 if self.batch is None else self.batch.lengths[self.row]


class TorchExecutor:
    """Implements `litz.generation.Executor`. Shorter rows are padded on the left, and what is taken back is masked."""

    store: SequenceStore | None = None

    def __init__(self, network: Network) -> None:
        self._network = network
        self.vocab = network.spec.vocab
        self.context = network.spec.context

    def sequence(self) -> Sequence:
        """A sequence without tokens."""
        return Sequence()

    def step(self, tokens: list[list[int]], sequences: list[Sequence], /) -> Any:
        """The logits of each row's last new token, as a float32 array (batch, vocab)."""
        device = self._network.main.stem.embed.weight.device
        batch = self._together(sequences)
        time = max(map(len, tokens))
        ids = torch.tensor([[0] * (time - len(row)) + row for row in tokens], device=device)
        real = torch.tensor([[False] * (time - len(row)) + [True] * len(row) for row in tokens], device=device)
        before = torch.tensor(batch.lengths, device=device)[:, None]
        positions = (before + real.cumsum(1) - 1).clamp(min=0)
        main = self._network.main
        with torch.no_grad():
            whole = bool(real.all()) and _is_whole(batch.cache)
            read = Tokens(main.embed_tokens(ids), positions, real=None if whole else real, places=positions)
            hidden = main(read, cache=batch.cache)
            logits: Tensor = self._network.outputs(hidden[:, -1:])[:, 0]
        batch.lengths = [length + len(row) for length, row in zip(batch.lengths, tokens, strict=True)]
        return logits.float().cpu().numpy()

    def rewind(self, sequence: Sequence, to: int, /) -> int:
        """Masks the tokens from `to` on."""
        batch = sequence.batch
        if batch is not None and to < sequence.length:
            assert batch.cache.keys is not None
            real = batch.cache.keys.real.clone()
            real[sequence.row, torch.where(real[sequence.row])[0][to:]] = False
            batch.cache.keys = batch.cache.keys._replace(real=real)
            batch.lengths[sequence.row] = to
        return to

    def fork(self, sequence: Sequence, /) -> Sequence:
        """A copy with a cache of its own."""
        if sequence.batch is None:
            return Sequence()
        rows = torch.tensor([sequence.row])
        return Sequence(Batch(sequence.batch.cache.selected(rows), [sequence.length]))

    def _together(self, sequences: list[Sequence]) -> Batch:
        """One batch that holds exactly these sequences, in this order."""
        first = sequences[0].batch
        rows = [sequence.row for sequence in sequences]
        if first is not None and all(sequence.batch is first for sequence in sequences):
            if rows == list(range(len(first.lengths))):
                return first
            made = Batch(first.cache.selected(torch.tensor(rows)), [first.lengths[row] for row in rows])
        else:
            made = Batch(Cache.joined([_rows(sequence) for sequence in sequences]), [s.length for s in sequences])
        for row, sequence in enumerate(sequences):
            sequence.batch, sequence.row = made, row
        return made


def _rows(sequence: Sequence) -> Cache | None:
    return None if sequence.batch is None else sequence.batch.cache.selected(torch.tensor([sequence.row]))


def _is_whole(cache: Cache) -> bool:
    """Whether a cache holds no padding."""
    return cache.keys is None or bool(cache.keys.real.all())
