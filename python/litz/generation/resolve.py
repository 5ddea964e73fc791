"""Which value of each parameter counts, where it came from, and whether it can act."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litz import _core
from litz.errors import ArgumentError, UnknownArgumentError, UnsupportedError
from litz.generation.config import GenerationConfig
from litz.generation.parameters import (
    ACTING,
    FOREIGN,
    HARMLESS,
    OTHER_NAMES,
    SAMPLING,
    UNSUPPORTED,
    GenerationParameters,
)
from litz.generation.values import read
from litz.nearest import nearest
from litz.numbers import shown

ARGUMENT = "argument"
CONFIG = "generation_config argument"
MODEL = "the model's generation config"
FALLBACK = "fallback"
DEFAULT = "default"
# transformers' own default: sampling without a word about top_k keeps the 50 likeliest tokens.
_DEFAULTS: dict[str, Any] = {"do_sample": False, "top_k": 50}
_KNOWN = frozenset(GenerationParameters.__annotations__)
_LENGTHS = ("max_new_tokens", "max_length")


@dataclass(frozen=True)
class Layer:
    """Values from one source; `where` is what errors call it, such as a file."""

    origin: str
    values: Mapping[str, Any]
    where: str = ""


@dataclass(frozen=True)
class Resolved:
    """The values that count, and the origin of each."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def get(self, name: str) -> Any:
        """The value, or None."""
        return self.values.get(name)

    def greedy(self) -> bool:
        """Whether the likeliest token always wins."""
        return _greedy(self.values)

    def acting(self) -> dict[str, Any]:
        """What the core is told, in plain JSON types."""
        told = {name: self.values[name] for name in ACTING if self.values.get(name) is not None}
        if self.greedy():
            told = {name: value for name, value in told.items() if name not in SAMPLING}
            told["do_sample"] = False
        if "min_new_tokens" in told:  # which takes precedence, as max_new_tokens does
            told.pop("min_length", None)
        return told

    def to_json(self, *, batch_size: int | None = None) -> str:
        """The core's parameters; `batch_size`: how many rows it computes together."""
        return json.dumps({**self.acting(), "max_batch_size": read("batch_size", batch_size)})


def resolve(layers: Sequence[Layer]) -> Resolved:
    """Merges layers, the strongest first. A None in the strongest switches a parameter off.

    An unknown, unsupported or explicitly given but inert parameter is an error.
    """
    for layer in layers:
        _refuse_unknown(layer)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for rank, layer in enumerate([*layers, Layer(DEFAULT, _DEFAULTS)]):
        beaten = any(values.get(name) is not None for name in _LENGTHS)
        for name, value in layer.values.items():
            unset = value is None and rank > 0
            if not (unset or name in values or (beaten and name in _LENGTHS)):
                values[name], origins[name] = value, layer.origin
    _refuse_two_lengths(layers)
    places = {layer.origin: layer.where for layer in layers if layer.where}
    resolved = Resolved(_read(values, origins, places=places), origins)
    _refuse_unsupported(resolved, places=places)
    _refuse_inert(resolved, layers)
    return resolved


def check(config: GenerationConfig) -> None:
    """The same checks for one configuration by itself."""
    values = {name: value for name, value in config.to_dict().items() if name not in config.unknown}
    origins = dict.fromkeys(values, CONFIG)
    resolved = Resolved(_read(values, origins, places={}), origins)
    _refuse_unsupported(resolved, places={})
    _core.check_generation_params(resolved.to_json())


def _read(values: Mapping[str, Any], origins: Mapping[str, str], *, places: Mapping[str, str]) -> dict[str, Any]:
    """Every value converted and checked, but what of the model's own values would do nothing."""
    made = dict(values)
    # What decides whether the others act comes first.
    for name in sorted(values, key=lambda name: (name != "do_sample", name != "temperature")):
        if name == "temperature" and origins[name] == MODEL and not made.get("do_sample"):
            continue
        if name in SAMPLING and origins[name] == MODEL and name != "temperature" and _greedy(made):
            continue
        try:
            made[name] = read(name, values[name])
        except ArgumentError as error:
            place = places.get(origins[name])
            raise ArgumentError(f"{place}: {error}") if place else error from None
    return made


def _greedy(values: Mapping[str, Any]) -> bool:
    return not values.get("do_sample") or values.get("temperature") == 0


def named(config: GenerationConfig | None) -> dict[str, Any]:
    """The values that a configuration sets, without those that litz does not know."""
    if config is None:
        return {}
    return {name: value for name, value in config.to_dict().items() if name in _KNOWN}


def _refuse_unknown(layer: Layer) -> None:
    for name, value in layer.values.items():
        asked = value is not None and value is not False and not (isinstance(value, list) and not value)
        if name in FOREIGN and asked:
            raise UnsupportedError(f"{name}: {FOREIGN[name]}")
        if name not in _KNOWN and name not in FOREIGN:
            raise UnknownArgumentError(f"{name} is not a generation parameter; {hint_for(name)}")


def hint_for(name: str, others: Sequence[str] = ()) -> str:
    """What a name that is no parameter may be meant to be: one of other libraries', or the nearest one."""
    if name in OTHER_NAMES:
        return f"transformers and litz call it {OTHER_NAMES[name]}"
    near = nearest(name, [*_KNOWN, *others])
    return f"did you mean {near}?" if near else f"litz knows {', '.join(ACTING)}"


def _refuse_unsupported(resolved: Resolved, *, places: Mapping[str, str]) -> None:
    for name, (neutral, advice) in UNSUPPORTED.items():
        value, origin = resolved.get(name), resolved.origins.get(name, "")
        harmless = origin == MODEL and name in HARMLESS
        if value is not None and not harmless and not _among(value, neutral):
            raise UnsupportedError(f"{name}={shown(value)} ({places.get(origin, origin)}): {advice}")


def _among(value: Any, values: Sequence[Any]) -> bool:
    """`in`, for values whose comparison may give anything."""
    try:
        return value in values
    except (TypeError, ValueError, RuntimeError):
        return False


def _refuse_two_lengths(layers: Sequence[Layer]) -> None:
    for layer in layers:
        new, total = (layer.values.get(name) for name in _LENGTHS)
        if layer.origin != MODEL and new is not None and total is not None:
            raise ArgumentError(
                f"max_new_tokens={shown(new)} and max_length={shown(total)} both limit the length; "
                f"pass one of them (max_length counts the prompt)"
            )


def _refuse_inert(resolved: Resolved, layers: Sequence[Layer]) -> None:
    """A sampling parameter given beside or above the choice of greedy decoding would do nothing."""
    if not resolved.greedy() or resolved.get("temperature") == 0:
        return
    model = next((layer.values for layer in layers if layer.origin == MODEL), {})
    for layer in layers:
        copied = model if layer.origin == CONFIG else {}
        inert = [] if layer.origin == MODEL else _inert(layer.values, copied)
        if inert:
            listed = ", ".join(f"{name}={shown(layer.values[name])}" for name in inert)
            raise ArgumentError(
                f"{listed} ({layer.origin}) would do nothing: do_sample is False "
                f"({resolved.origins['do_sample']}); pass do_sample=True, or leave it out"
            )
        if "do_sample" in layer.values:
            return


def _inert(values: Mapping[str, Any], copied: Mapping[str, Any]) -> list[str]:
    """Names of what sampling would read; a configuration object may be a copy of the model's own."""

    def asks(name: str) -> bool:
        value = values.get(name)
        return value is not None and not _among(value, (*SAMPLING[name], copied.get(name)))

    return [name for name in SAMPLING if asks(name)]
