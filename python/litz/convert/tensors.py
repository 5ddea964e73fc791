"""A model's weights under the names of GGUF, in its order of rows, with the offset in the weights of norms."""

import struct
from collections.abc import Callable
from itertools import chain

from litz import _core
from litz.architectures import gguf
from litz.architectures.base import Family
from litz.architectures.written import written
from litz.checkpoint import Checkpoint
from litz.convert.values import FLOATS, Tensor
from litz.spec import Attention, Spec, attention, weights
from litz.weights import Part, Source

_FIRST = "token_embd.weight"  # the order is free; the table comes first in other files


def tensors(checkpoint: Checkpoint, family: Family, *, permuted: bool) -> list[Tensor]:
    """Every weight. Matrices keep their floats as they are stored; vectors are F32.

    `permuted`: rows of q and k interleave the halves of each head, so that pairs that rotate together are neighbours.
    """
    names, wanted = _names(checkpoint.spec, family), dict(weights(checkpoint.spec))
    norm, made = checkpoint.spec.main.norm, []
    offset = norm.offset if norm else 0.0  # all norms of these families are alike
    for source in checkpoint.sources:
        read, dtype = _reader(checkpoint, source, shape=wanted[source.name])
        if permuted and source.name.rpartition(".")[0].endswith(("attn.q", "attn.k")):
            read = _interleaved(read, source.name, spec=checkpoint.spec)
        if offset and "norm" in source.name:
            read = _raised(read, by=offset)
        made.append(Tensor(names[source.name], dtype, wanted[source.name], read))
    return sorted(made, key=lambda tensor: tensor.name != _FIRST)


def factors(values: list[float]) -> Tensor:
    """What the rotary frequencies are divided by."""
    return Tensor("rope_freqs.weight", "F32", (len(values),), lambda: struct.pack(f"<{len(values)}f", *values))


def _names(spec: Spec, family: Family) -> dict[str, str]:
    """Canonical name -> the file's."""
    tensors = written(spec, gguf.names(family, {}))
    return {tensor.weights[0]: tensor.name for tensor in tensors if len(tensor.weights) == 1}


def _reader(checkpoint: Checkpoint, source: Source, *, shape: tuple[int, ...]) -> tuple[Callable[[], bytes], str]:
    """What reads a weight's rows, and the dtype that they come in."""
    parts = [(checkpoint.tensor_files[part.file], part) for part in source.parts]
    stored = {file.tensors()[part.tensor][0] for file, part in parts}
    dtype = stored.pop() if len(stored) == 1 and len(shape) > 1 else "F32"
    dtype = dtype if dtype in FLOATS else "F32"
    return lambda: b"".join(_rows(file, part, dtype) for file, part in parts), dtype


def _rows(file: _core.TensorFile, part: Part, dtype: str) -> bytes:
    stored, shape, _ = file.tensors()[part.tensor]
    data = file.read(part.tensor) if stored == dtype else file.read_f32(part.tensor)
    rows = shape[0]
    if part.start == 0 and part.rows >= rows:
        return data
    row = len(data) // rows
    return data[part.start * row : (part.start + part.rows) * row]


def _interleaved(read: Callable[[], bytes], name: str, *, spec: Spec) -> Callable[[], bytes]:
    """The halves of each head's rows one by one: 0, n/2, 1, n/2 + 1…"""
    mixer = attention(spec.layers[int(name.split(".")[1])])
    assert mixer is not None  # only its weights have these names
    heads, size = _heads(mixer, name), mixer.head_dim

    def permuted_bytes() -> bytes:
        data = memoryview(read())
        row = len(data) // (heads * size)
        order = chain.from_iterable(
            (head * size + i, head * size + size // 2 + i) for head in range(heads) for i in range(size // 2)
        )
        return b"".join(data[at * row : (at + 1) * row] for at in order)

    return permuted_bytes


def _heads(mixer: Attention, name: str) -> int:
    return mixer.heads if ".attn.q." in name else mixer.kv_heads


def _raised(read: Callable[[], bytes], *, by: float) -> Callable[[], bytes]:
    """A norm's weights with the offset that GGUF has in them; each sum is rounded once, as the engine does."""

    def raised() -> bytes:
        data = read()
        form = f"<{len(data) // 4}f"
        return struct.pack(form, *(value + by for value in struct.unpack(form, data)))

    return raised
