"""Which generation parameters would count, and where each came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from litz.generation.config import GenerationConfig
from litz.generation.executor import GenerativeModel
from litz.generation.lengths import limited
from litz.generation.parameters import SAMPLING, GenerationParameters, of_kind
from litz.generation.resolve import resolve
from litz.generation.run import fallback_layers, layers_of


@dataclass(frozen=True)
class Parameter:
    """One parameter's value, where it came from, and whether it acts."""

    name: str
    value: Any
    origin: str
    acts: bool


@dataclass(frozen=True)
class Explanation:
    """All parameters that are set; printing it gives a table."""

    parameters: tuple[Parameter, ...]
    unknown: tuple[str, ...]  # unknown names in the model's file

    def __getitem__(self, name: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def __str__(self) -> str:
        inert = {True: "", False: " (does nothing when greedy)"}
        rows = [(p.name, str(p.value), p.origin + inert[p.acts]) for p in self.parameters]
        names = max((len(name) for name, _, _ in rows), default=0)
        values = max((len(value) for _, value, _ in rows), default=0)
        lines = [f"{name:{names}}  {value:{values}}  {origin}" for name, value, origin in rows]
        if self.unknown:
            lines.append(f"not known to litz, without effect: {', '.join(self.unknown)}")
        return "\n".join(lines)


def explain_generation(
    model: GenerativeModel,
    *,
    generation_config: GenerationConfig | None = None,
    fallbacks: Sequence[GenerationConfig] = (),
    **parameters: Unpack[GenerationParameters],
) -> Explanation:
    """The parameters that `generate` would use with these arguments, or `stream` with these `fallbacks`."""
    layers = [*layers_of(model, generation_config, parameters), *fallback_layers(fallbacks)]
    resolved = limited(resolve(layers))
    names = [name for name in of_kind("acting", "sampling") + of_kind("form") if resolved.get(name) is not None]
    inert = (*SAMPLING, "seed") if resolved.greedy() else ()
    rows = [Parameter(name, resolved.get(name), resolved.origins[name], acts=name not in inert) for name in names]
    return Explanation(tuple(rows), tuple(sorted(model.generation_config.unknown)))
