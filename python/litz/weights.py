"""Which tensor of which file is which weight: each tensor matches one rule, each weight is found, or loading stops."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal, NamedTuple

from litz.architectures.base import Family
from litz.architectures.names import Experts, Grouped, Match, Names, Spare, Stacked, Transposed, canonical
from litz.errors import WeightsError
from litz.spec import LmHead, Spec, attention, weights


class Part(NamedTuple):
    """Rows of one stored tensor, counted along its output features; a vector's rows are its elements."""

    file: int
    tensor: str
    start: int
    rows: int


class Source(NamedTuple):
    """One weight: its canonical name, the parts that hold its rows in turn, and whether they are stored (in, out)."""

    name: str
    parts: tuple[Part, ...]
    transposed: bool


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor; loading raises on any that is missing, unexpected or of the wrong shape.

    A matrix is mapped (it stays in its file), packed (copied in the order that the kernels read) or put together.
    """

    loaded: int
    unused: tuple[str, ...] = ()  # known, and not needed: buffers, a repeated tied head, towers of other modalities
    converted: Mapping[str, str] = field(
        default_factory=dict
    )  # tensor -> "Q2_K to F32": no kernel for the stored dtype
    mapped: int = 0
    packed: int = 0
    bytes_mapped: int = 0
    bytes_packed: int = 0
    bytes_converted: int = 0  # conversions, matrices from several parts, and vectors
    bytes_scratch: int = 0  # working memory, beside the weights

    def __str__(self) -> str:
        parts = [f"{self.loaded} tensors loaded"]
        if self.unused:
            parts.append(
                f"{len(self.unused)} not needed ({', '.join(self.unused[:3])}{'…' if len(self.unused) > 3 else ''})"
            )
        for name, count, size in (
            ("mapped", self.mapped, self.bytes_mapped),
            ("packed", self.packed, self.bytes_packed),
        ):
            if count:
                parts.append(f"{count} {name} ({size / 1e6:.0f} MB)")
        if self.converted:
            kinds = sorted(set(self.converted.values()))
            parts.append(f"{len(self.converted)} converted exactly ({'; '.join(kinds)})")
        return ", ".join(parts)

    def with_memory(self, report_json: str) -> "LoadReport":
        """The same with what the native engine says of conversions and memory."""
        native = json.loads(report_json)
        converted = {c["tensor"]: f"{c['from']} to {c['to']}" for c in native["conversions"]}
        names = ("mapped", "packed", "bytes_mapped", "bytes_packed", "bytes_converted", "bytes_scratch")
        return replace(self, converted=converted, **{name: native[name] for name in names})


Shape = tuple[int, ...]


@dataclass(frozen=True)
class StoredFile:
    """What one file holds: tensor -> shape, outermost first; and the other names that its metadata give to a tensor.

    safetensors' `save_model` keeps one name of a shared tensor and notes the rest: name -> the one that is stored.
    """

    shapes: Mapping[str, Shape]
    also_called: Mapping[str, str] = field(default_factory=dict)


# Whether two tensors, each as (file, name), hold the same bytes
Same = Callable[[tuple[int, str], tuple[int, str]], bool]
_HEAD, _EMBED = ("head.weight",), ("embed.weight",)
_OF_HEADS = ("head.", "project_out.")
_OF_ANSWERS = "transformer."  # before the tensors of most decoders that answer questions, whatever their family


def plan(
    spec: Spec,
    family: Family,
    stored: Sequence[StoredFile],
    *,
    names: Names,
    where: str,
    same: Same,
    optional_head: bool = False,
) -> tuple[Spec, list[Source], LoadReport]:
    """Matches the stored tensors with the model's.

    The Spec that comes back is that of the weights: a head that is said to be tied and is stored with numbers of its
    own is its own, with a warning, as in transformers; an `optional_head` that is not stored is None. Raises
    WeightsError that lists everything wrong at once: tensors without a rule, weights without a tensor, two tensors for
    one weight, wrong shapes.
    """
    found, unused, unknown = _matched(family, stored, names)
    found, spares = _without_spares(found)
    unused += spares
    if optional_head and not any(target.startswith(_OF_HEADS) for match, _ in found for target in match.targets):
        spec = replace(spec, head=None)
    if spec.is_tied:
        spec, found, copies = _settle_head(spec, found, same=same, where=where)
        unused += copies
    claims = _Claims(spec, dict(weights(spec)), problems=unknown)
    for match, tensor in found:
        claims.add(match, tensor)
    sources = claims.finish()
    if claims.missing and not claims.problems and all(name.startswith(_OF_HEADS) for name in claims.missing):
        raise WeightsError(_describe_missing_head(claims.listed(), where))
    if claims.problems or claims.missing:
        raise WeightsError(_describe(claims.problems + claims.listed(), where))
    return spec, sources, LoadReport(loaded=len(sources), unused=tuple(unused))


def _matched(
    family: Family, stored: Sequence[StoredFile], names: Names
) -> tuple[list[tuple[Match, "_Tensor"]], list[str], list[str]]:
    """The tensors with what the table says of each, those that are no weights, and what is wrong with the rest."""
    found, unused, unknown = list[tuple[Match, _Tensor]](), list[str](), list[str]()
    every = {name for file in stored for name in file.shapes}
    for index, file in enumerate(stored):
        others = {name: own for name, own in file.also_called.items() if own in file.shapes and name not in every}
        for name, own in [*zip(file.shapes, file.shapes, strict=True), *others.items()]:
            spelt = _without_prefix(name, family, names)
            match, shape = None if spelt is None else _match(names, spelt), file.shapes[own]
            if match is not None and match != "unknown":
                found.append((match, _Tensor(index, own, shape)))
            elif name in others:
                continue
            elif match is None:
                unused.append(name)
            else:
                unknown.append(f"unexpected tensor {name} {list(shape)}: no rule for its name")
    return found, unused, unknown


def _without_spares(found: list[tuple[Match, "_Tensor"]]) -> tuple[list[tuple[Match, "_Tensor"]], list[str]]:
    """The tensors without those that others stand before, and the names of the latter."""
    held = {match.targets for match, _ in found if match.form is not Spare}
    spares = [tensor.name for match, tensor in found if match.form is Spare and match.targets in held]
    return [(m, t) for m, t in found if m.form is not Spare or m.targets not in held], spares


def _settle_head(
    spec: Spec, found: list[tuple[Match, "_Tensor"]], *, same: Same, where: str
) -> tuple[Spec, list[tuple[Match, "_Tensor"]], list[str]]:
    """A tied matrix may be stored under the head's name, or twice: then the numbers say whether it is one.

    The Spec, the tensors, and the names of copies that are not needed.
    """
    heads = [tensor for match, tensor in found if match.targets == _HEAD]
    embeds = [tensor for match, tensor in found if match.targets == _EMBED]
    if not embeds:
        return spec, [(replace(m, targets=_EMBED) if m.targets == _HEAD else m, t) for m, t in found], []
    differing = [head for head in heads if not same((head.file, head.name), (embeds[0].file, embeds[0].name))]
    if differing:
        warnings.warn(
            f"{where}: the configuration ties head and embeddings, but {differing[0].name} differs from "
            f"{embeds[0].name}: both are used as they are stored",
            stacklevel=2,
        )
        assert isinstance(spec.head, LmHead)
        return replace(spec, head=replace(spec.head, tied=False)), found, []
    copies = [head.name for head in heads if head.name != embeds[0].name]
    return spec, [(match, tensor) for match, tensor in found if match.targets != _HEAD], copies


def _describe(problems: list[str], where: str) -> str:
    shown = "\n  ".join(problems[:20])
    more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
    return (
        f"{where}: the tensors do not fit the configuration:\n  {shown}{more}\n"
        f"Check that config.json belongs to these weights and that no file of the model is missing."
    )


def _describe_missing_head(missing: list[str], where: str) -> str:
    return (
        f"{where}: the files lack the head that was asked for: {', '.join(missing)}; litz makes no random weights: "
        f"take a model that was trained for the task, or AutoModel for the hidden states of this one"
    )


def _without_prefix(tensor: str, family: Family, names: Names) -> str | None:
    """The name as the family's table writes it; None for another modality's tower."""
    if tensor.startswith(family.unused):
        return None
    for prefix in (*family.prefixes, _OF_ANSWERS):
        if tensor.startswith(prefix):
            rest = tensor.removeprefix(prefix)
            return rest if _match(names, rest) != "unknown" else f"model.{rest}"
    if _match(names, tensor) == "unknown" and _match(names, f"model.{tensor}") != "unknown":
        return f"model.{tensor}"  # saved from the base model, without its head
    return tensor


def _match(names: Names, tensor: str) -> Match | Literal["unknown"] | None:
    """What the table says; None for what is no weight."""
    try:
        return canonical(names, tensor)
    except KeyError:
        return "unknown"


class _Tensor(NamedTuple):
    """A stored tensor and where it is."""

    file: int
    name: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)}"


@dataclass
class _Claims:
    """Which tensors were given to which weights so far, and everything that did not fit."""

    spec: Spec
    wanted: Mapping[str, Shape]
    problems: list[str] = field(default_factory=list)
    claimed: dict[str, tuple[str, Source]] = field(default_factory=dict)  # weight -> the tensor that holds it
    stacks: dict[str, dict[int, Part]] = field(default_factory=dict)  # weight -> its parts by number
    missing: list[str] = field(default_factory=list)  # weights without a tensor, once all have been given

    def add(self, match: Match, tensor: _Tensor) -> None:
        """Gives a tensor's rows to its targets."""
        targets = self._of_experts(match) if match.form is Experts else match.targets
        unknown = [t for t in targets if t not in self.wanted]
        if unknown:
            self.problems.append(f"unexpected tensor {tensor}: the configuration has no {unknown[0]}")
        elif match.form is Stacked:
            self._stack(match, tensor)
        elif match.form is Grouped:
            mixer = attention(self.spec.layers[match.index])
            self._share(targets, tensor, groups=mixer.kv_heads if mixer else 1)
        else:
            transposed = match.form is Transposed and len(self.wanted[targets[0]]) > 1
            self._share(targets, tensor, transposed=transposed, experts=len(targets) // len(match.targets))

    def _of_experts(self, match: Match) -> tuple[str, ...]:
        """The targets of each expert in turn, for as many as the model has."""
        every = list[str]()
        while not every or every[-1] in self.wanted:
            every += (target.replace("{e}", str(len(every) // len(match.targets))) for target in match.targets)
        return tuple(every[: -len(match.targets)] or every)

    def _share(
        self, targets: tuple[str, ...], tensor: _Tensor, *, groups: int = 1, transposed: bool = False, experts: int = 1
    ) -> None:
        """Rows one target after the other, in each group anew."""
        counts = [self.wanted[target][0] for target in targets]
        rest = self.wanted[targets[0]][1:]
        expected = (*rest, sum(counts)) if transposed else (sum(counts), *rest)
        if experts > 1:
            expected = (experts, sum(counts) // experts, *rest)
        if not _holds(tensor.shape, expected):
            self.problems.append(f"wrong shape of {tensor.name}: found {list(tensor.shape)}, expected {list(expected)}")
        for target, count in zip(targets, counts, strict=True):
            if count % groups or self.wanted[target][1:] != rest:
                self.problems.append(f"{tensor} cannot hold {target} {list(self.wanted[target])} in {groups} groups")
        start = 0
        parts: dict[str, list[Part]] = {target: [] for target in targets}
        for _ in range(groups):
            for target, count in zip(targets, counts, strict=True):
                parts[target].append(Part(tensor.file, tensor.name, start, count // groups))
                start += count // groups
        for target, own in parts.items():
            self._claim(Source(target, tuple(own), transposed), tensor.name)

    def _stack(self, match: Match, tensor: _Tensor) -> None:
        (target,) = match.targets
        parts, rest = self.stacks.setdefault(target, {}), self.wanted[target][1:]
        count = tensor.shape[0] if rest and tensor.shape else prod(tensor.shape)
        if tensor.shape[1:] != rest and rest:
            self.problems.append(
                f"wrong shape of {tensor.name}: found {list(tensor.shape)}, expected rows of {list(rest)}"
            )
        if match.part in parts:
            self.problems.append(
                f"{tensor.name} and {parts[match.part].tensor} both hold part {match.part} of {target}"
            )
        parts[match.part] = Part(tensor.file, tensor.name, 0, count)

    def _claim(self, source: Source, tensor: str) -> None:
        if source.name in self.claimed:
            self.problems.append(f"{tensor} and {self.claimed[source.name][0]} both hold {source.name}")
        self.claimed[source.name] = tensor, source

    def finish(self) -> list[Source]:
        """The sources, once stacks are complete; weights that nothing holds are missing."""
        for target, parts in self.stacks.items():
            gap = next((number for number in range(len(parts)) if number not in parts), None)
            if gap is not None:
                self.problems.append(f"missing tensor for part {gap} of {target}: found {len(parts)} others")
            found, expected = sum(part.rows for part in parts.values()), self.wanted[target][0]
            if gap is None and found != expected:
                self.problems.append(f"{len(parts)} tensors hold {found} rows of {target}, expected {expected}")
            ordered = tuple(parts[number] for number in sorted(parts))
            self._claim(Source(target, ordered, transposed=False), ordered[0].tensor)
        self.missing = [name for name in self.wanted if name not in self.claimed]
        return [source for _, source in self.claimed.values()]

    def listed(self) -> list[str]:
        """A line for each missing weight."""
        return [f"missing tensor for {name} {list(self.wanted[name])}" for name in self.missing]


def _holds(shape: Shape, expected: Shape) -> bool:
    """Whether a tensor is of this shape, or of one that keeps its elements in the same rows."""
    if shape == expected:
        return True
    if len(expected) == 1:  # norms of each head, or a row or column
        return 1 < len(shape) < 4 and prod(shape) == expected[0]
    if expected[0] == 1:
        return shape == expected[1:]
    return len(shape) == 3 and (shape[0] * shape[1], shape[2]) == expected
