"""Which tensor of which file is which weight: each tensor matches one rule, each weight is found, or loading stops."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Literal, NamedTuple

from litz.architectures.base import Family
from litz.architectures.forms import Experts, Shape, Spare, Stacked
from litz.architectures.names import Match, Names, canonical
from litz.architectures.written import head_sizes
from litz.errors import WeightsError
from litz.spec import LmHead, Spec, weights


class Part(NamedTuple):
    """Rows of one stored tensor, counted along its output features; a vector's rows are its elements.

    They begin with `start`, and are every `step`-th from there on. `scales` are those of MXFP4 that are stored apart
    from its codes, as a file and a tensor.
    """

    file: int
    tensor: str
    start: int
    rows: int
    step: int = 1
    scales: tuple[int, str] | None = None


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
    mxfp4: bool = False,
    optional_head: bool = False,
) -> tuple[Spec, list[Source], LoadReport]:
    """Matches the stored tensors with the model's.

    The Spec that comes back is that of the weights: a head that is said to be tied and is stored with numbers of its
    own is its own, with a warning, as in transformers; an `optional_head` that is not stored is None. `mxfp4`: tensors
    `X_blocks` and `X_scales` are one matrix of that type. Raises WeightsError that lists everything wrong at once:
    tensors without a rule, weights without a tensor, two tensors for one weight, wrong shapes.
    """
    found, unused, unknown = _matched(family, stored, names, _pairs(stored) if mxfp4 else {})
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


_CODES = 16  # bytes of a block of MXFP4, two elements each


def _pairs(stored: Sequence[StoredFile]) -> dict[str, tuple[int, str]]:
    """For each tensor of codes, the file and the name of its scales, which may be in another file."""
    scales = {name: index for index, file in enumerate(stored) for name in file.shapes if name.endswith("_scales")}
    codes = {name: file.shapes[name] for file in stored for name in file.shapes if name.endswith("_blocks")}
    found = dict[str, tuple[int, str]]()
    for name, shape in codes.items():
        own = f"{name.removesuffix('_blocks')}_scales"
        if own in scales and (*stored[scales[own]].shapes[own], _CODES) == shape:
            found[name] = scales[own], own
    return found


def _matched(
    family: Family, stored: Sequence[StoredFile], names: Names, scales: Mapping[str, tuple[int, str]]
) -> tuple[list[tuple[Match, "_Tensor"]], list[str], list[str]]:
    """The tensors with what the table says of each, those that are no weights, and what is wrong with the rest."""
    found, unused, unknown = list[tuple[Match, _Tensor]](), list[str](), list[str]()
    every = {name for file in stored for name in file.shapes}
    paired = {name for _, name in scales.values()}
    for index, file in enumerate(stored):
        others = {name: own for name, own in file.also_called.items() if own in file.shapes and name not in every}
        for name, own in [*zip(file.shapes, file.shapes, strict=True), *others.items()]:
            if own in paired:
                continue
            spelt = _without_prefix(name, family, names)
            match, shape = None if spelt is None else _match(names, spelt), file.shapes[own]
            if own in scales:
                shape = (*shape[:-2], shape[-2] * 2 * _CODES)
            if match is not None and match != "unknown":
                found.append((match, _Tensor(index, own, shape, scales.get(own))))
            elif name in others:
                continue
            elif match is None:
                unused.append(name)
            else:
                unknown.append(f"unexpected tensor {name} {list(shape)}: no rule for its name")
    return found, unused, unknown


def _without_spares(found: list[tuple[Match, "_Tensor"]]) -> tuple[list[tuple[Match, "_Tensor"]], list[str]]:
    """The tensors without those that others stand before, and the names of the latter."""
    held = {match.targets for match, _ in found if not isinstance(match.form, Spare)}
    spares = [tensor.name for match, tensor in found if isinstance(match.form, Spare) and match.targets in held]
    return [(m, t) for m, t in found if not isinstance(m.form, Spare) or m.targets not in held], spares


def _settle_head(
    spec: Spec, found: list[tuple[Match, "_Tensor"]], *, same: Same, where: str
) -> tuple[Spec, list[tuple[Match, "_Tensor"]], list[str]]:
    """A tied matrix may be stored under the head's name, or twice: then the numbers say whether it is one.

    The Spec, the tensors, and the names of copies that are not needed.
    """
    heads = [tensor for match, tensor in found if match.targets == _HEAD]
    embeds = [tensor for match, tensor in found if match.targets == _EMBED]
    if not embeds:
        return spec, [(_as_embedding(match), tensor) for match, tensor in found], []
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


def _as_embedding(match: Match) -> Match:
    """A tied matrix that is stored under the head's name."""
    return replace(match, form=match.form.naming(*_EMBED)) if match.targets == _HEAD else match


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
    for prefix in (*family.prefixes, family.prefix, _OF_ANSWERS if _match(names, tensor) == "unknown" else ""):
        if prefix and tensor.startswith(prefix):
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
    """A stored tensor and where it is; `scales` belong to MXFP4, whose codes these are."""

    file: int
    name: str
    shape: Shape
    scales: tuple[int, str] | None = None

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
        form = match.form
        targets = self._of_experts(form) if isinstance(form, Experts) else form.targets
        unknown = [t for t in targets if t not in self.wanted]
        if unknown:
            self.problems.append(f"unexpected tensor {tensor}: the configuration has no {unknown[0]}")
        elif isinstance(form, Stacked):
            self._stack(match, tensor)
        else:
            self._share(match, targets, tensor)

    def _of_experts(self, form: Experts) -> tuple[str, ...]:
        """The targets of each expert in turn, for as many as the model has."""
        every = list[str]()
        while not every or every[-1] in self.wanted:
            every += (target.replace("{e}", str(len(every) // len(form.targets))) for target in form.targets)
        return tuple(every[: -len(form.targets)] or every)

    def _share(self, match: Match, targets: tuple[str, ...], tensor: _Tensor) -> None:
        """Gives each target its rows, as the form has them."""
        try:
            layout = match.form.layout([self.wanted[target] for target in targets], head_sizes(self.spec, match.index))
        except ValueError as reason:
            shapes = ", ".join(f"{target} {list(self.wanted[target])}" for target in targets[:3])
            self.problems.append(f"{tensor} cannot hold {shapes} {reason}")
            return
        if _without_ones(tensor.shape) != _without_ones(layout.shape):
            expected = f"expected {list(layout.shape)}"
            self.problems.append(f"wrong shape of {tensor.name}: found {list(tensor.shape)}, {expected}")
        for target, slabs in zip(targets, layout.slabs, strict=True):
            parts = tuple(Part(tensor.file, tensor.name, *slab, tensor.scales) for slab in slabs)
            self._claim(Source(target, parts, layout.transposed), tensor.name)

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


def _without_ones(shape: Shape) -> Shape:
    """GGUF files leave outer sizes of 1 away, or not: they say nothing of where elements are."""
    first = next((index for index, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]
