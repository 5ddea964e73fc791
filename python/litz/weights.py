"""Which tensor of which file is which weight: each tensor matches one rule, each weight is found, or loading stops."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from litz.architectures.base import Family, Names, canonical
from litz.errors import WeightsError
from litz.spec import Spec, shapes


class Source(NamedTuple):
    """One weight: its canonical name, and the rows of the stored tensor that hold it (None: all of them)."""

    name: str
    file: int
    tensor: str
    rows: tuple[int, int] | None  # (start, count)


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor; loading raises on any that is missing, unexpected or of the wrong shape."""

    loaded: int
    unused: tuple[str, ...] = ()  # known, and not needed: buffers, a repeated tied head, towers of other modalities
    converted: Mapping[str, str] = field(
        default_factory=dict
    )  # tensor -> "Q4_K to F32": no kernel for the stored dtype

    def __str__(self) -> str:
        parts = [f"{self.loaded} tensors loaded"]
        if self.unused:
            parts.append(
                f"{len(self.unused)} not needed ({', '.join(self.unused[:3])}{'…' if len(self.unused) > 3 else ''})"
            )
        if self.converted:
            kinds = sorted(set(self.converted.values()))
            parts.append(f"{len(self.converted)} converted exactly ({'; '.join(kinds)})")
        return ", ".join(parts)


# file -> tensor -> shape, outermost first
Stored = Iterable[Mapping[str, tuple[int, ...]]]


def plan(spec: Spec, family: Family, stored: Stored, *, names: Names, where: str) -> tuple[list[Source], LoadReport]:
    """Matches the stored tensors with the model's.

    Raises WeightsError that lists everything wrong at once: tensors without a rule, weights without a tensor, two
    tensors for one weight, wrong shapes.
    """
    wanted, sources = shapes(spec), dict[str, Source]()
    unused, problems = list[str](), list[str]()
    for index, tensors in enumerate(stored):
        for tensor, shape in tensors.items():
            name = _without_prefix(tensor, family, names)
            if name is None or (targets := _targets(names, name)) is None:
                unused.append(tensor)
            elif not targets:
                problems.append(f"unexpected tensor {tensor} {list(shape)}: no rule for its name")
            elif spec.tied_head and targets == ("head.weight",):
                unused.append(tensor)
            else:
                problems += _claim(sources, wanted, targets, tensor=tensor, shape=shape, index=index)
    problems += [f"missing tensor for {name} {list(shape)}" for name, shape in wanted.items() if name not in sources]
    if problems:
        raise WeightsError(_describe(problems, where))
    return list(sources.values()), LoadReport(loaded=len(sources), unused=tuple(unused))


def _describe(problems: list[str], where: str) -> str:
    shown = "\n  ".join(problems[:20])
    more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
    return (
        f"{where}: the tensors do not fit the configuration:\n  {shown}{more}\n"
        f"Check that config.json belongs to these weights and that no file of the model is missing."
    )


def _without_prefix(tensor: str, family: Family, names: Names) -> str | None:
    """The name as the family's table writes it; None for another modality's tower."""
    if tensor.startswith(family.unused):
        return None
    for prefix in family.prefixes:
        if tensor.startswith(prefix):
            rest = tensor.removeprefix(prefix)
            return rest if _targets(names, rest) != () else f"model.{rest}"
    if _targets(names, tensor) == () and _targets(names, f"model.{tensor}") != ():
        return f"model.{tensor}"  # saved from the base model, without its head
    return tensor


def _targets(names: Names, tensor: str) -> tuple[str, ...] | None:
    """Canonical names; None for what is no weight, () for a name without a rule."""
    try:
        return canonical(names, tensor)
    except KeyError:
        return ()


def _claim(
    sources: dict[str, Source],
    wanted: Mapping[str, tuple[int, ...]],
    targets: tuple[str, ...],
    *,
    tensor: str,
    shape: tuple[int, ...],
    index: int,
) -> Iterator[str]:
    """Gives a tensor's rows to its targets in turn; yields what does not fit."""
    unknown = [t for t in targets if t not in wanted]
    if unknown:
        yield f"unexpected tensor {tensor} {list(shape)}: the configuration has no {unknown[0]}"
        return
    expected = (sum(wanted[t][0] for t in targets), *wanted[targets[0]][1:])
    if shape != expected:
        yield f"wrong shape of {tensor}: found {list(shape)}, expected {list(expected)}"
    start = 0
    for target in targets:
        count = wanted[target][0]
        if target in sources:
            yield f"{tensor} and {sources[target].tensor} both hold {target}"
        sources[target] = Source(target, index, tensor, (start, count) if len(targets) > 1 else None)
        start += count
