"""Resolves parameters: which source's value of each is used, and whether it can have an effect."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litz import _core
from litz.errors import ArgumentError, UnknownArgumentError, UnsupportedError
from litz.generation.parameters import ACTING, FOREIGN, OTHER_NAMES, PARAMETERS, SAMPLING, read
from litz.nearest import nearest
from litz.numbers import integer, shown

ARGUMENT = "argument"
CONFIG = "generation_config argument"
MODEL = "the model's generation config"
FALLBACK = "fallback"
DEFAULT = "default"
# Those of transformers: sampling without a top_k keeps the 50 likeliest tokens.
_DEFAULTS = {name: row.default for name, row in PARAMETERS.items() if row.default is not None}
_LENGTHS = ("max_new_tokens", "max_length")


@dataclass(frozen=True)
class Layer:
    """Values from one source; `where` is its name in errors, such as a file."""

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
        """The parameters of the core that count, in plain JSON types."""
        acting = {name: self.values[name] for name in ACTING if self.values.get(name) is not None}
        if self.greedy():
            acting = {name: value for name, value in acting.items() if name not in SAMPLING}
            acting["do_sample"] = False
        if "min_new_tokens" in acting:  # which takes precedence, as max_new_tokens does
            acting.pop("min_length", None)
        return acting

    def to_json(self, *, batch_size: int | None = None) -> str:
        """The core's parameters; `batch_size`: how many rows it computes together."""
        most = None if batch_size is None else integer(batch_size, "batch_size", least=1)
        return json.dumps({**self.acting(), "max_batch_size": most})


def resolve(layers: Sequence[Layer]) -> Resolved:
    """Merges layers, the strongest first. A None in the strongest switches a parameter off.

    An unknown parameter is an error, and so is an unsupported one, or an explicit one without effect.
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


def check(values: Mapping[str, Any]) -> None:
    """The same checks for one configuration by itself."""
    origins = dict.fromkeys(values, CONFIG)
    resolved = Resolved(_read(values, origins, places={}), origins)
    _refuse_unsupported(resolved, places={})
    _core.check_generation_params(resolved.to_json())


def _read(values: Mapping[str, Any], origins: Mapping[str, str], *, places: Mapping[str, str]) -> dict[str, Any]:
    """Every value converted and checked, without those of the model's own values that have no effect."""
    made = dict(values)
    # The parameters that decide whether others have an effect come first.
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


def _refuse_unknown(layer: Layer) -> None:
    for name, value in layer.values.items():
        requested = value is not None and value is not False and not (isinstance(value, list) and not value)
        if name in FOREIGN and requested:
            raise UnsupportedError(f"{name}: {FOREIGN[name]}")
        if name not in PARAMETERS and name not in FOREIGN:
            raise UnknownArgumentError(f"{name} is not a generation parameter; {hint_for(name)}")


def hint_for(name: str, others: Sequence[str] = ()) -> str:
    """A suggestion for an unknown name: that of another library's parameter, or the nearest name."""
    if name in OTHER_NAMES:
        return f"transformers and litz call it {OTHER_NAMES[name]}"
    near = nearest(name, [*PARAMETERS, *others])
    return f"did you mean {near}?" if near else f"the parameters are {', '.join(ACTING)}"


def _refuse_unsupported(resolved: Resolved, *, places: Mapping[str, str]) -> None:
    for name, row in PARAMETERS.items():
        value, origin = resolved.get(name), resolved.origins.get(name, "")
        acts = row.kind == "refused" and value is not None and not _among(value, row.neutral)
        if acts and not (origin == MODEL and row.in_files):
            raise UnsupportedError(f"{name}={shown(value)} ({places.get(origin, origin)}): {row.advice}")


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
    """Refuses a sampling parameter beside or above the choice of greedy decoding: it would have no effect."""
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
    """The names of parameters that only sampling reads; a configuration may be a copy of the model's own."""

    def acts(name: str) -> bool:
        value = values.get(name)
        return value is not None and not _among(value, (*PARAMETERS[name].neutral, copied.get(name)))

    return [name for name in SAMPLING if acts(name)]
