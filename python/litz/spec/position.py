"""How positions enter: rotations, biases of the scores, learned rows."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class LongFrequencies:
    """LongRoPE's second set: a sequence longer than `above` uses it for every one of its positions."""

    above: int
    gain: float
    frequencies: tuple[float, ...]


@dataclass(frozen=True)
class Rope:
    """A rotary embedding, scaling already applied: `dim / 2` angular frequencies and a gain on cos and sin.

    `interleaved` pairs neighbours (0,1), (2,3)…; otherwise i pairs with i + dim/2. Dimensions past `dim` stand still.
    `axes` says for each frequency which position axis it rotates with (M-RoPE, patches); empty: there is one axis.
    """

    dim: int
    frequencies: tuple[float, ...]  # (dim / 2,)
    gain: float = 1.0
    interleaved: bool = False
    long: LongFrequencies | None = None
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Alibi:
    """A slope a head: score += slope * (key position - query position). Press et al., 2021."""

    slopes: tuple[float, ...]
    kind: Literal["alibi"] = field(default="alibi", init=False)


@dataclass(frozen=True)
class Buckets:
    """A learned bias a head for each bucket of distances, which widen up to `distance`. Raffel et al., 2019 (T5).

    `shared`: one table, `position_bias.weight` of the tower, serves every layer.
    """

    count: int
    distance: int
    two_way: bool = False
    shared: bool = True
    kind: Literal["buckets"] = field(default="buckets", init=False)


@dataclass(frozen=True)
class Positions:
    """Learned positions: row `position + offset` of `rows` is added to the embedding (OPT keeps two rows in front).

    With `skip`, tokens of that id keep row `skip`, and the others count from `skip + 1` on (RoBERTa's padding).
    """

    rows: int
    offset: int = 0
    skip: int | None = None


@dataclass(frozen=True)
class Temper:
    """Queries grow with their position: q *= 1 + beta * log(1 + floor((position + shift) / every)). Llama 4."""

    beta: float
    every: int
    shift: int = 0
