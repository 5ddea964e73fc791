"""How weights lie in a stored tensor: a form says the tensor's shape, and which of its rows are whose.

That serves both ways: a checkpoint's tensors are cut into weights, and weights are put together to a checkpoint's
tensors. `.weight` and `.bias` share a form: a bias has rows of no columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Self

Shape = tuple[int, ...]  # outermost first


class Slab(NamedTuple):
    """Rows of a stored tensor, counted along its output features: from `start` on, every `step`-th."""

    start: int
    rows: int
    step: int = 1


@dataclass(frozen=True)
class Layout:
    """The shape of a stored tensor, and for each of its weights the slabs that hold the weight's rows in turn."""

    shape: Shape
    slabs: tuple[tuple[Slab, ...], ...]
    transposed: bool = False  # rows lie along the last axis


@dataclass(frozen=True)
class HeadSizes:
    """What some forms follow from: the key heads of the layer, and the elements of a head."""

    kv_heads: int = 1
    head_dim: int = 1


class Form:
    """One or several weights in a tensor; this form has their rows one after the other."""

    targets: tuple[str, ...]

    def __init__(self, *targets: str) -> None:
        self.targets = targets

    def naming(self, *targets: str) -> Self:
        """The same form of other weights."""
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__, targets=targets)
        return made

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """How weights of these shapes lie. ValueError says why they cannot."""
        del sizes
        return Layout((_rows(shapes), *_columns(shapes)), _in_turn([shape[0] for shape in shapes]))


class Grouped(Form):
    """Rows lie group by group, a group for each key head of the layer, and in each group each target's share in turn.

    Bloom and GPT-NeoX with three targets, heads 2 (kv_heads 2) of 4: q0 q0 q0 q0 k0 k0 k0 k0 v0 v0 v0 v0 q1 q1 …
    """

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """Each weight's rows are as many slabs as there are groups."""
        groups = sizes.kv_heads
        if any(shape[0] % groups for shape in shapes):
            raise ValueError(f"in {groups} groups")
        slabs = _in_turn([shape[0] // groups for shape in shapes] * groups)
        own = tuple(tuple(slab for (slab,) in slabs[i :: len(shapes)]) for i in range(len(shapes)))
        return Layout((_rows(shapes), *_columns(shapes)), own)


class Transposed(Form):
    """Stored (in, out), as GPT-2's Conv1D does; several targets are columns, one after the other."""

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """A bias lies as ever."""
        plain, columns = super().layout(shapes, sizes), _columns(shapes)
        return Layout((*columns, _rows(shapes)), plain.slabs, transposed=True) if columns else plain


class Experts(Form):
    """A tensor (experts, rows, cols): `{e}` in the targets counts the first axis; several share an expert's rows.

    They lie one after the other, or, `interleaved`, row by row in turn. `transposed`: (experts, cols, rows).
    """

    def __init__(self, *targets: str, interleaved: bool = False, transposed: bool = False) -> None:
        super().__init__(*targets)
        self.interleaved, self.transposed = interleaved, transposed

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """`shapes` are those of all experts' weights, expert by expert."""
        columns, each = _columns(shapes), len(self.targets)
        count, rows = len(shapes) // each, sum(shape[0] for shape in shapes[:each])
        slabs = _in_turn([shape[0] for shape in shapes])
        if self.interleaved:
            if len({shape[0] for shape in shapes}) > 1:
                raise ValueError("row by row in turn")
            turns = ((i // each * rows + i % each, shape[0]) for i, shape in enumerate(shapes))
            slabs = tuple((Slab(start, length, each),) for start, length in turns)
        transposed = self.transposed and bool(columns)
        return Layout((count, *((*columns, rows) if transposed else (rows, *columns))), slabs, transposed)


class Stacked(Form):
    """Tensors that are one weight together, one after the other in the order of `{e}`: one for each head."""

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """Of one of the tensors."""
        return Layout((sizes.head_dim, *_columns(shapes)), ((Slab(0, sizes.head_dim),),))


class Heads(Form):
    """A vector over all heads, stored (heads, head_dim)."""

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """One weight, whose elements are the tensor's."""
        (shape,) = shapes
        return Layout((shape[0] // sizes.head_dim, sizes.head_dim), ((Slab(0, shape[0]),),))


class Conv(Form):
    """The factors of a convolution over each channel by itself, (channels, 1, kernel), as torch's Conv1d has them."""

    def layout(self, shapes: Sequence[Shape], sizes: HeadSizes) -> Layout:
        """Each channel has one row."""
        (shape,), plain = shapes, super().layout(shapes, sizes)
        return Layout((shape[0], 1, *shape[1:]), plain.slabs) if len(shape) > 1 else plain


class Spare(Form):
    """Holds the weight where no other tensor does: what a file may say twice, as BERT's bias of the output."""


def _rows(shapes: Sequence[Shape]) -> int:
    return sum(shape[0] for shape in shapes)


def _columns(shapes: Sequence[Shape]) -> Shape:
    """What a row of each of them is."""
    if len({shape[1:] for shape in shapes}) > 1:
        raise ValueError("in rows of one length")
    return shapes[0][1:]


def _in_turn(counts: Sequence[int]) -> tuple[tuple[Slab], ...]:
    starts = accumulate(counts, initial=0)
    return tuple((Slab(start, count),) for start, count in zip(starts, counts, strict=False))
