"""The tables that say which stored tensor holds which weights, and in which form.

A table maps the name in the file to a target. In both, `{i}` stands for the first number, the layer; in the file's name
`{e}` stands for the second, the expert or head. `.weight` and `.bias` are left out and carried over, unless the key
spells them. Where two names
hold one weight, the later one in the table is how the family is written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from litz.architectures.forms import Conv as Conv
from litz.architectures.forms import Experts as Experts
from litz.architectures.forms import Form
from litz.architectures.forms import Grouped as Grouped
from litz.architectures.forms import Heads as Heads
from litz.architectures.forms import Spare as Spare
from litz.architectures.forms import Stacked as Stacked
from litz.architectures.forms import Transposed as Transposed

# a name; names whose rows lie one after the other; another form; None: the tensor is no weight
Target = str | tuple[str, ...] | Form | None
Names = Mapping[str, Target]


@dataclass(frozen=True)
class Match:
    """What a table says of one stored tensor."""

    form: Form  # of canonical names; those of Experts keep their `{e}`
    index: int  # `{i}`, 0 where the name has none
    part: int  # `{e}`, 0 where the name has none

    @property
    def targets(self) -> tuple[str, ...]:
        """The weights' names."""
        return self.form.targets


def form_of(target: str | tuple[str, ...] | Form) -> Form:
    """The form that a target of a table stands for."""
    if isinstance(target, Form):
        return target
    return Form(target) if isinstance(target, str) else Form(*target)


def targets_of(target: Target) -> tuple[str, ...]:
    """The canonical names in a target."""
    return () if target is None else form_of(target).targets


def within(prefix: str, target: Target) -> Target:
    """The target with a prefix before each of its names."""
    if target is None or isinstance(target, str):
        return target and prefix + target
    form = form_of(target)
    return form.naming(*(prefix + name for name in form.targets))


def with_last(names: Names, own: Names) -> Names:
    """The table with these rows at its end, where they are how the family is written."""
    return {**{key: target for key, target in names.items() if key not in own}, **own}


def layer_names(**names: Target) -> dict[str, Target]:
    """Rows of a table inside a layer: `model.layers.{i}.KEY` -> `layers.{i}.VALUE`; `__` in a key stands for a dot."""
    return {
        f"model.layers.{{i}}.{key.replace('__', '.')}": within("layers.{i}.", target) for key, target in names.items()
    }


def layer_table(prefix: str, names: Mapping[str, Target]) -> dict[str, Target]:
    """The same for families that call their layers otherwise: `PREFIX` + key -> `layers.{i}.` + value."""
    return {prefix + key: within("layers.{i}.", target) for key, target in names.items()}


# GGUF's names of norms of q and k with a weight of its own for each head.
GGUF_HEAD_NORMS: Names = {f"blk.{{i}}.attn_{part}_norm": Heads(f"layers.{{i}}.attn.{part}_norm") for part in ("q", "k")}

# GGUF's name of q, k and v in one tensor, for families that are written so.
GGUF_FUSED_QKV: Names = {"blk.{i}.attn_qkv": tuple(f"layers.{{i}}.attn.{part}" for part in ("q", "k", "v"))}

# What the first checkpoints call the weight and the bias of a layer norm.
_OLDER = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
# Nine digits: a number that no model has is no number, so that it ends in a name without a rule.
_NUMBER = re.compile(r"\.(0|[1-9][0-9]{0,8})(?=\.)")


def canonical(names: Names, name: str) -> Match | None:
    """Which weights a checkpoint tensor holds, or None if the table says that it is no weight.

    Raises KeyError for a name without a rule.
    """
    for older, newer in _OLDER.items():
        name = name.removesuffix(older) + newer if name.endswith(older) else name
    stem, dot, kind = name.rpartition(".")
    spelled = [(name, "")] + ([(stem, dot + kind)] if kind in ("weight", "bias") else [])
    numbers = [*_NUMBER.findall(f"{name}.")[:2]]
    keys = ((_with_placeholders(stem, n), n, end) for stem, end in spelled for n in range(len(numbers), -1, -1))
    found = next((key for key in keys if key[0] in names), None)
    if found is None:
        raise KeyError(name)
    key, count, suffix = found
    target = names[key]
    if target is None:
        return None
    index, part = [*numbers[:count], "0", "0"][:2]
    form = form_of(target)
    targets = (name.replace("{i}", index) + suffix for name in form.targets)
    if not isinstance(form, Experts):
        targets = (name.replace("{e}", part) for name in targets)
    return Match(form.naming(*targets), index=int(index), part=int(part))


def _with_placeholders(stem: str, count: int) -> str:
    """The name with its first `count` numbers written as `{i}` and `{e}`."""
    key = f"{stem}."
    for placeholder in (".{i}", ".{e}")[:count]:
        key = _NUMBER.sub(placeholder, key, count=1)
    return key[:-1]
