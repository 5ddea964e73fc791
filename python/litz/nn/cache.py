"""What a model keeps of the tokens that it has read: keys and values of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as fn


class Keys(NamedTuple):
    """What is known of keys besides their vectors, each (batch, keys)."""

    positions: Tensor  # as biases of distances count
    places: Tensor  # as masks count: where they stand in their row
    real: Tensor  # whether they are no padding

    @property
    def time(self) -> int:
        """How many there are."""
        return self.positions.shape[1]

    def followed_by(self, others: Keys) -> Keys:
        """These and others."""
        return Keys(*(torch.cat(pair, 1) for pair in zip(self, others, strict=True)))


@dataclass
class KeysValues:
    """The keys and values of one layer, (batch, kv_heads, time, head_dim): grown with every pass."""

    keys: Tensor
    values: Tensor

    def append(self, keys: Tensor, values: Tensor) -> None:
        """Adds those of new positions."""
        self.keys, self.values = torch.cat((self.keys, keys), 2), torch.cat((self.values, values), 2)

    def selected(self, rows: Tensor) -> KeysValues:
        """These rows of the batch, in this order."""
        return KeysValues(self.keys[rows], self.values[rows])

    def cut(self, to: int) -> None:
        """Drops what follows the first `to` positions."""
        self.keys, self.values = self.keys[:, :, :to], self.values[:, :, :to]


@dataclass
class Window:
    """The last inputs of a convolution, (batch, kernel - 1, channels)."""

    inputs: Tensor | None = None

    def before(self, x: Tensor, count: int) -> Tensor:
        """What came before x; zeros before the first token."""
        return x.new_zeros(len(x), count, x.shape[-1]) if self.inputs is None else self.inputs

    def selected(self, rows: Tensor) -> Window:
        """These rows of the batch, in this order."""
        return Window(None if self.inputs is None else self.inputs[rows])


@dataclass
class Matrix:
    """The state of a recurrence, (batch, heads, key_dim, value_dim)."""

    state: Tensor | None = None

    def selected(self, rows: Tensor) -> Matrix:
        """These rows of the batch, in this order."""
        return Matrix(None if self.state is None else self.state[rows])


@dataclass
class Cache:
    """The state of a batch of sequences: a slot a layer, and what is known of every token that was read."""

    slots: dict[int, KeysValues] = field(default_factory=dict)
    windows: dict[int, Window] = field(default_factory=dict)
    matrices: dict[int, Matrix] = field(default_factory=dict)
    keys: Keys | None = None

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, the new ones last."""
        slot = self.slots.get(layer)
        if slot is None:
            slot = self.slots[layer] = KeysValues(keys, values)
        else:
            slot.append(keys, values)
        return slot.keys, slot.values

    def window(self, layer: int) -> Window:
        """The window of a layer's convolution."""
        return self.windows.setdefault(layer, Window())

    def matrix(self, layer: int) -> Matrix:
        """The state of a layer's recurrence."""
        return self.matrices.setdefault(layer, Matrix())

    @property
    def can_go_back(self) -> bool:
        """Whether keys and values are all of its state."""
        return not self.windows and not self.matrices

    def extend(self, keys: Keys) -> Keys:
        """All keys, the new ones last."""
        self.keys = keys if self.keys is None else self.keys.followed_by(keys)
        return self.keys

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """How many keys there are, padding included."""
        return 0 if self.keys is None else self.keys.time

    def crop(self, max_length: int) -> None:
        """Drops what follows the first keys; a negative number counts from the end."""
        to = max_length if max_length >= 0 else self.get_seq_length() + max_length
        if self.keys is not None:
            self.keys = Keys(*(part[:, :to] for part in self.keys))
        for slot in self.slots.values():
            slot.cut(to)

    def selected(self, rows: Tensor) -> Cache:
        """These rows of the batch, in this order, in a cache of their own."""
        if self.keys is None:
            return Cache()
        slots = {layer: slot.selected(rows) for layer, slot in self.slots.items()}
        windows = {layer: window.selected(rows) for layer, window in self.windows.items()}
        matrices = {layer: matrix.selected(rows) for layer, matrix in self.matrices.items()}
        return Cache(slots, windows, matrices, Keys(*(part[rows] for part in self.keys)))

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keeps these rows of the batch, in this order."""
        made = self.selected(beam_idx)
        self.slots, self.windows, self.matrices, self.keys = made.slots, made.windows, made.matrices, made.keys

    @staticmethod
    def joined(caches: Sequence[Cache | None]) -> Cache:
        """One cache of all rows; shorter ones are padded on the left."""
        filled = [cache for cache in caches if cache is not None and cache.keys is not None]
        if not filled:
            return Cache()
        count = max(cache.get_seq_length() for cache in filled)
        rows = [_padded(cache or Cache(), count, filled[0]) for cache in caches]
        slots = {
            layer: KeysValues(
                torch.cat([row.slots[layer].keys for row in rows]), torch.cat([row.slots[layer].values for row in rows])
            )
            for layer in filled[0].slots
        }
        keys = [row.keys for row in rows if row.keys is not None]
        return Cache(slots, keys=Keys(*(torch.cat(parts) for parts in zip(*keys, strict=True))))


def _padded(cache: Cache, count: int, like: Cache) -> Cache:
    """Padding on the left up to `count` keys; `like` has the shapes of an empty cache's slots."""
    if cache.keys is None:
        assert like.keys is not None
        slots = {n: KeysValues(s.keys[:1, :, :0], s.values[:1, :, :0]) for n, s in like.slots.items()}
        cache = Cache(slots, keys=Keys(*(part[:1, :0] for part in like.keys)))
    assert cache.keys is not None
    missing = count - cache.get_seq_length()
    grown = {
        layer: KeysValues(fn.pad(slot.keys, (0, 0, missing, 0)), fn.pad(slot.values, (0, 0, missing, 0)))
        for layer, slot in cache.slots.items()
    }
    return Cache(grown, keys=Keys(*(fn.pad(part, (missing, 0)) for part in cache.keys)))
