"""Checks of keyword arguments: unknown ones, and those that are accepted only at values without effect."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from litz import log
from litz.errors import UnknownArgumentError, UnsupportedError
from litz.nearest import nearest
from litz.numbers import shown


@dataclass(frozen=True)
class Known:
    """One argument: its values without effect (None always is), or any value, and what to do instead."""

    advice: str
    neutral: tuple[Any, ...] = ()
    anything: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether the value changes nothing."""
        try:
            return self.anything or value is None or value in self.neutral
        except (TypeError, ValueError, RuntimeError):  # an array compared with a number
            return False


CPU_ONLY = "this release computes on the CPU alone: leave it out, or pass 'cpu' or 'auto'"


def without_effect(reason: str) -> Known:
    """An argument that is accepted with any value, for that reason."""
    return Known(reason, anything=True)


def check_arguments(
    given: Mapping[str, Any], known: Mapping[str, Known], *, of: str, others: Collection[str] = ()
) -> None:
    """UnsupportedError for a known argument at another value, UnknownArgumentError for an unknown one.

    `of` names the function; `others` are its own arguments, which a misspelt one may be meant to be.
    """
    for name, value in given.items():
        if name not in known:
            raise UnknownArgumentError(f"{of} got {name}={shown(value)}: {_nearest(name, [*others, *known])}")
        if not known[name].accepts(value):
            raise UnsupportedError(f"{of} got {name}={shown(value)}: {known[name].advice}")
        if value is not None:
            log.info("loading", "%s: %s=%s has no effect: %s", of, name, shown(value), known[name].advice)


def refuse_unknown(unknown: Mapping[str, Any], *, of: str, known: Collection[str]) -> None:
    """UnknownArgumentError for the first of the arguments that `of` does not have, with the nearest of the `known`."""
    for name, value in unknown.items():
        raise UnknownArgumentError(f"{of} got {name}={shown(value)}: {_nearest(name, known)}")


def names_of(function: Callable[..., Any]) -> list[str]:
    """The names of a function's own arguments, without those that gather others."""
    gathering = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    parameters = signature(function).parameters.values()
    return [each.name for each in parameters if each.kind not in gathering and each.name not in ("self", "cls")]


def _nearest(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else "no argument has a similar name"


def check_device(device: Any, name: str = "device") -> None:
    """Accepts what means the CPU, also of every part of a map; anything else is UnsupportedError."""
    for place in device.values() if isinstance(device, Mapping) else [device]:
        if place is not None and str(place).partition(":")[0] not in ("cpu", "auto", "-1"):
            raise UnsupportedError(f"{name}={shown(device)}: {CPU_ONLY}")
