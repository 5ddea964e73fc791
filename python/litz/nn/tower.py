"""A tower: a stem, layers, and the norm that ends it."""

from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from litz import spec
from litz.errors import UnsupportedError
from litz.nn import mask, rope
from litz.nn.attention import Attention
from litz.nn.cache import Cache, Keys
from litz.nn.context import Context
from litz.nn.latent import Latent
from litz.nn.layer import Layer
from litz.nn.norm import Norm
from litz.nn.stem import TokenStem

T = TypeVar("T")


@dataclass(frozen=True)
class Tokens:
    """What a tower reads. Positions and types are (batch, time); `real` says which tokens are no padding."""

    rows: Tensor  # of the embedding, (batch, time, width)
    positions: Tensor
    real: Tensor | None = None
    types: Tensor | None = None
    places: Tensor | None = None  # where they stand in their row, as masks count; None: one after the other
    seen: Tensor | None = None  # instead of masks of ours: (batch, 1, queries, keys), true where a key is seen


class Tower(nn.Module):
    """Layers over a residual stream. Equal masks, rotations and biases of its layers are made once a pass."""

    def __init__(self, tower: spec.Tower, memory_width: int) -> None:
        super().__init__()
        if not isinstance(tower.stem, spec.TokenStem):
            raise UnsupportedError(f"the torch executor does not run stems of {tower.stem.kind}")
        if tower.streams or tower.layer_inputs:
            raise UnsupportedError("the torch executor does not run several residual streams, or inputs of each layer")
        self.spec = tower
        self.stem = TokenStem(tower.stem, tower.width)
        table = tower.shared_buckets()
        self.position_bias = nn.Embedding(table[0].count, table[1]) if table else None
        self.layers = nn.ModuleList(
            Layer(layer, tower.width, memory_width, index=index) for index, layer in enumerate(tower.layers)
        )
        self.norm = Norm(tower.norm, tower.width) if tower.norm else None
        self._share()

    def _share(self) -> None:
        """Numbers the distinct masks, rotations and biases of the attentions."""
        self._masks: list[spec.Mask] = []
        self._ropes: list[spec.Rope] = []
        self._biases: list[spec.Alibi | spec.Buckets] = []
        for mixer in self.modules():
            if isinstance(mixer, Attention | Latent):
                mixer.mask = _number(self._masks, mixer.spec.mask)
                mixer.rotation = None if mixer.spec.rope is None else _number(self._ropes, mixer.spec.rope)
            if isinstance(mixer, Attention):
                bias = mixer.spec.position_bias
                mixer.bias = None if bias is None else _number(self._biases, bias)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """The embedding's rows of these ids."""
        return cast(Tensor, self.stem.embed(ids))

    def forward(
        self, tokens: Tokens, *, cache: Cache | None = None, states: list[Tensor] | None = None,
        attentions: list[Tensor] | None = None, eager: bool = False,
    ) -> Tensor:  # fmt: skip
        """Hidden states after the last norm, (batch, time, width).

        `states` is filled with what enters the first layer and what each layer leaves, the last one after the norm;
        `attentions` with the shares of every attention, which computes eagerly then.
        """
        x = cast(Tensor, self.stem(tokens.rows, tokens.positions, tokens.types))
        context = self._context(tokens, x, cache=cache)
        context.attentions, context.eager = attentions, eager or attentions is not None
        for layer in self.layers:
            if states is not None:
                states.append(x)
            x = self._run(layer, x, context)
        if self.norm is not None:
            x = cast(Tensor, self.norm(x))
        if states is not None:
            states.append(x)
        return x

    gradient_checkpointing = False

    def _run(self, layer: nn.Module, x: Tensor, context: Context) -> Tensor:
        if self.gradient_checkpointing and self.training:
            from torch.utils.checkpoint import checkpoint

            return cast(Tensor, checkpoint(layer, x, context, use_reentrant=False))
        return cast(Tensor, layer(x, context))

    def _context(self, tokens: Tokens, x: Tensor, *, cache: Cache | None) -> Context:
        before = 0 if cache is None else cache.get_seq_length()
        queries = _keys_of(tokens, before)
        keys = queries if cache is None else cache.extend(queries)
        plain = tokens.real is None and tokens.seen is None and before == 0 and not self._biases
        masks = [
            None if plain and _hides_only_what_follows(one, queries.time) else _mask(one, tokens, queries, keys, x)
            for one in self._masks
        ]
        length = keys.positions.max() + 1
        rotations = [rope.table(one, queries.positions, length=length, dtype=x.dtype) for one in self._ropes]
        biases = [self._position_bias(one, queries.positions, keys.positions, x) for one in self._biases]
        return Context(masks, True, rotations, biases, cache, real=tokens.real)

    def _position_bias(self, bias: spec.Alibi | spec.Buckets, queries: Tensor, keys: Tensor, x: Tensor) -> Tensor:
        if isinstance(bias, spec.Alibi):
            return mask.alibi(bias, queries, keys, x.dtype)
        if not bias.shared:
            raise UnsupportedError("the torch executor does not run a table of position buckets in each layer")
        assert self.position_bias is not None
        shares: Tensor = self.position_bias(mask.buckets(bias, queries, keys))  # (batch, queries, keys, heads)
        return shares.permute(0, 3, 1, 2)


def _mask(one: spec.Mask, tokens: Tokens, queries: Keys, keys: Keys, x: Tensor) -> Tensor:
    """What is added to scores, (batch, 1, queries, keys): 0, or the least number for what is not seen."""
    seen = tokens.seen
    if seen is None:
        seen = mask.visible(one, queries.places, keys.places) & keys.real[:, None, None, :]
    return torch.zeros((), dtype=x.dtype, device=x.device).where(seen, torch.finfo(x.dtype).min)


def _keys_of(tokens: Tokens, before: int) -> Keys:
    positions = tokens.positions
    places = tokens.places
    if places is None:
        places = torch.arange(before, before + positions.shape[1], device=positions.device).expand(positions.shape)
    real = torch.ones_like(positions, dtype=torch.bool) if tokens.real is None else tokens.real
    return Keys(positions, places, real)


def _hides_only_what_follows(one: spec.Mask, time: int) -> bool:
    """Whether in a row of that length every query sees all that comes before it."""
    left = one.window[0] if isinstance(one.window, tuple) else one.window
    return one.causal and (left is None or left >= time) and (one.chunk is None or one.chunk >= time)


def _number(seen: list[T], value: T) -> int:
    if value not in seen:
        seen.append(value)
    return seen.index(value)
