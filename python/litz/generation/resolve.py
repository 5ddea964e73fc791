"""Which value of each parameter counts, where it came from, and whether it can act."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litz import _core
from litz.errors import ArgumentError, UnsupportedError
from litz.generation.config import GenerationConfig
from litz.generation.parameters import ACTING, FOREIGN, HARMLESS, SAMPLING, UNSUPPORTED, GenerationParameters

ARGUMENT = "argument"
CONFIG = "generation_config argument"
MODEL = "the model's generation config"
DEFAULT = "default"
# transformers' own default: sampling without a word about top_k keeps the 50 likeliest tokens.
_DEFAULTS: dict[str, Any] = {"do_sample": False, "top_k": 50}
_KNOWN = frozenset(GenerationParameters.__annotations__)
_LENGTHS = ("max_new_tokens", "max_length")


@dataclass(frozen=True)
class Layer:
    """Values from one source."""

    origin: str
    values: Mapping[str, Any]


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
        return not self.get("do_sample") or self.get("temperature") == 0

    def acting(self) -> dict[str, Any]:
        """What the core is told, in plain JSON types."""
        told = {name: plain(self.values[name]) for name in ACTING if self.values.get(name) is not None}
        if self.greedy():
            told = {name: value for name, value in told.items() if name not in SAMPLING}
            told["do_sample"] = False
        if "sequence_bias" in told:
            told["sequence_bias"] = _biases(self.values["sequence_bias"])
        return told

    def to_json(self, *, batch_size: int | None = None) -> str:
        """The core's parameters; `batch_size`: how many rows it computes together."""
        return json.dumps({**self.acting(), "max_batch_size": batch_size})


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
    resolved = Resolved(values, origins)
    _refuse_unsupported(resolved)
    _refuse_inert(resolved, layers)
    return resolved


def check(config: GenerationConfig) -> None:
    """The same checks for one configuration by itself."""
    values = {name: value for name, value in config.to_dict().items() if name not in config.unknown}
    resolved = Resolved(values, dict.fromkeys(values, CONFIG))
    _refuse_unsupported(resolved)
    _core.check_generation_params(resolved.to_json())


def named(config: GenerationConfig | None) -> dict[str, Any]:
    """The values that a configuration sets, without those that litz does not know."""
    if config is None:
        return {}
    return {name: value for name, value in config.to_dict().items() if name in _KNOWN}


def plain(value: Any) -> Any:
    """Numbers and lists as JSON knows them, from numpy, torch or tuples."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


def _refuse_unknown(layer: Layer) -> None:
    for name, value in layer.values.items():
        asked = value is not None and value is not False and not (isinstance(value, list) and not value)
        if name in FOREIGN and asked:
            raise UnsupportedError(f"{name}: {FOREIGN[name]}")
        if name not in _KNOWN and name not in FOREIGN:
            import difflib

            near = difflib.get_close_matches(name, _KNOWN, n=1)
            hint = f"did you mean {near[0]}?" if near else f"litz knows {', '.join(sorted(_KNOWN))}"
            raise ArgumentError(f"{name} is not a generation parameter; {hint}")


def _refuse_unsupported(resolved: Resolved) -> None:
    for name, (neutral, advice) in UNSUPPORTED.items():
        value, origin = resolved.get(name), resolved.origins.get(name)
        if value is not None and value not in neutral and not (origin == MODEL and name in HARMLESS):
            raise UnsupportedError(f"{name}={value!r} ({origin}): {advice}")


def _refuse_two_lengths(layers: Sequence[Layer]) -> None:
    for layer in layers:
        new, total = (layer.values.get(name) for name in _LENGTHS)
        if layer.origin != MODEL and new is not None and total is not None:
            raise ArgumentError(
                f"max_new_tokens={new} and max_length={total} both limit the length; "
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
            listed = ", ".join(f"{name}={layer.values[name]!r}" for name in inert)
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
        return value is not None and value not in SAMPLING[name] and value != copied.get(name)

    return [name for name in SAMPLING if asks(name)]


def _biases(biases: Any) -> list[list[Any]]:
    pairs = biases.items() if isinstance(biases, Mapping) else biases
    return [[plain(tokens), _spelt(float(bias))] for tokens, bias in pairs]


def _spelt(number: float) -> float | str:
    """JSON has no infinities."""
    return str(number) if number in (float("inf"), float("-inf")) else number
