"""The tables that say which stored tensor holds which weights, and how its rows are shared out.

A table maps the name in the file to a target. In both, `{i}` stands for the first number, the layer; in the file's name
`{e}` stands for the second, the expert or head. `.weight` and `.bias` are left out and carried over.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, init=False)
class _Several:
    targets: tuple[str, ...]

    def __init__(self, *targets: str) -> None:
        object.__setattr__(self, "targets", targets)


class Grouped(_Several):
    """Rows lie group by group, a group for each key head of the layer, and in each group each target's share in turn.

    Bloom and GPT-NeoX with three targets, heads 2 (kv_heads 2) of 4: q0 q0 q0 q0 k0 k0 k0 k0 v0 v0 v0 v0 q1 q1 …
    """


class Transposed(_Several):
    """Stored (in, out), as GPT-2's Conv1D does; several targets are columns, one after the other."""


class Experts(_Several):
    """A tensor (experts, rows, cols): `{e}` in the targets counts the first axis; several share an expert's rows."""


class Stacked(_Several):
    """Tensors that are one weight together, one after the other in the order of `{e}`."""


# a name; names whose rows lie one after the other; one of the forms above; None: the tensor is no weight
Target = str | tuple[str, ...] | Grouped | Transposed | Experts | Stacked | None
Names = Mapping[str, Target]


@dataclass(frozen=True)
class Match:
    """What a table says of one stored tensor."""

    form: type  # str (rows one after the other), Grouped, Transposed, Experts or Stacked
    targets: tuple[str, ...]  # canonical names; those of Experts keep their `{e}`
    index: int  # `{i}`, 0 where the name has none
    part: int  # `{e}`, 0 where the name has none


def _mapped(target: Target, names: Iterable[str]) -> Target:
    if target is None or isinstance(target, str):
        return next(iter(names), None)
    return tuple(names) if isinstance(target, tuple) else type(target)(*names)


def _names(target: Target) -> tuple[str, ...]:
    if target is None or isinstance(target, str):
        return () if target is None else (target,)
    return target if isinstance(target, tuple) else target.targets


def within(prefix: str, target: Target) -> Target:
    """The target with a prefix before each of its names."""
    return _mapped(target, [prefix + name for name in _names(target)])


def layer_names(**names: Target) -> dict[str, Target]:
    """Rows of a table inside a layer: `model.layers.{i}.KEY` -> `layers.{i}.VALUE`; `__` in a key stands for a dot."""
    return {
        f"model.layers.{{i}}.{key.replace('__', '.')}": within("layers.{i}.", target) for key, target in names.items()
    }


def layer_table(prefix: str, names: Mapping[str, Target]) -> dict[str, Target]:
    """The same for families that call their layers otherwise: `PREFIX` + key -> `layers.{i}.` + value."""
    return {prefix + key: within("layers.{i}.", target) for key, target in names.items()}


# Nine digits: a number that no model has is no number, so that it ends in a name without a rule.
_NUMBER = re.compile(r"\.(0|[1-9][0-9]{0,8})(?=\.)")


def canonical(names: Names, name: str) -> Match | None:
    """Which weights a checkpoint tensor holds, or None if the table says that it is no weight.

    Raises KeyError for a name without a rule.
    """
    stem, dot, kind = name.rpartition(".")
    stem, suffix = (stem, dot + kind) if kind in ("weight", "bias") else (name, "")
    numbers = [*_NUMBER.findall(f"{stem}.")[:2]]
    for count in range(len(numbers), -1, -1):
        key = _with_placeholders(stem, count)
        if key in names:
            break
    else:
        raise KeyError(name)
    target = names[key]
    if target is None:
        return None
    index, part = [*numbers[:count], "0", "0"][:2]
    stacked_or_each = isinstance(target, Experts)
    targets = (t.replace("{i}", index) for t in _names(target))
    if not stacked_or_each:
        targets = (t.replace("{e}", part) for t in targets)
    form = str if isinstance(target, str | tuple) else type(target)
    return Match(form, tuple(t + suffix for t in targets), index=int(index), part=int(part))


def _with_placeholders(stem: str, count: int) -> str:
    """The name with its first `count` numbers written as `{i}` and `{e}`."""
    key = f"{stem}."
    for placeholder in (".{i}", ".{e}")[:count]:
        key = _NUMBER.sub(placeholder, key, count=1)
    return key[:-1]
