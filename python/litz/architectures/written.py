"""The tensors of a checkpoint, from a table of names: the inverse of matching stored tensors with weights."""

from collections.abc import Iterator, Mapping
from itertools import count, takewhile
from typing import NamedTuple

from litz.architectures.forms import Experts, Form, HeadSizes, Layout, Shape, Stacked
from litz.architectures.names import Names, form_of
from litz.spec import Spec, attention, weights


class Written(NamedTuple):
    """A tensor of a checkpoint, and the weights that it holds in the order of the layout's slabs.

    `first` is the row of the weight that the tensor begins with: 0, but for stacked tensors, which hold parts of one.
    """

    name: str
    layout: Layout
    weights: tuple[str, ...]
    first: int = 0


def head_sizes(spec: Spec, layer: int) -> HeadSizes:
    """What the forms of a layer's tensors follow from."""
    mixer = attention(spec.layers[layer]) if layer < len(spec.layers) else None
    return HeadSizes(mixer.kv_heads, mixer.head_dim) if mixer else HeadSizes()


def written(spec: Spec, names: Names, *, prefix: str = "") -> list[Written]:
    """The tensors that hold the model's weights; of two that hold one weight, that of the later row of the table.

    `prefix` stands before every name but the head's. A weight that no row holds is left out.
    """
    wanted, made, held = dict(weights(spec)), list[Written](), set[str]()
    for key, target in reversed([*names.items()]):
        name = key if target == "head" else prefix + key
        found = [] if target is None else list(_of_row(spec, name, form_of(target), wanted))
        own = [tensor for tensor in found if held.isdisjoint(tensor.weights)]
        made += own
        held.update(weight for tensor in own for weight in tensor.weights)
    return made[::-1]


def _of_row(spec: Spec, stem: str, form: Form, wanted: Mapping[str, Shape]) -> Iterator[Written]:
    """The tensors that a row of a table stands for."""
    layers = range(len(spec.layers)) if "{i}" in stem else range(1)
    for layer in layers:
        name, own = stem.replace("{i}", str(layer)), form.naming(*(t.replace("{i}", str(layer)) for t in form.targets))
        for suffix in ("", ".weight", ".bias"):
            ended = own.naming(*(target + suffix for target in own.targets))
            yield from _numbered(name + suffix, ended, wanted, head_sizes(spec, layer))


def _numbered(name: str, form: Form, wanted: Mapping[str, Shape], sizes: HeadSizes) -> Iterator[Written]:
    """Those of one layer, for each `{e}`."""
    if isinstance(form, Experts):
        every = list(takewhile(wanted.__contains__, _targets_of_experts(form)))
        if len(every) >= len(form.targets):
            yield Written(name, form.layout([wanted[target] for target in every], sizes), tuple(every))
    elif isinstance(form, Stacked):
        (target,) = form.targets
        for part in range(wanted[target][0] // sizes.head_dim if target in wanted else 0):
            layout = form.layout([wanted[target]], sizes)
            yield Written(name.replace("{e}", str(part)), layout, form.targets, part * sizes.head_dim)
    else:
        for number in count() if "{e}" in name else range(1):
            targets = tuple(target.replace("{e}", str(number)) for target in form.targets)
            if not all(target in wanted for target in targets):
                return
            layout = form.layout([wanted[target] for target in targets], sizes)
            yield Written(name.replace("{e}", str(number)), layout, targets)


def _targets_of_experts(form: Experts) -> Iterator[str]:
    for expert in count():
        yield from (target.replace("{e}", str(expert)) for target in form.targets)
