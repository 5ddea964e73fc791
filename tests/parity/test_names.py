"""Tables of names in both directions: a checkpoint's tensors become weights, and weights the checkpoint again."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from litz import hub
from litz.architectures import family, gguf
from litz.architectures.names import with_last
from litz.architectures.written import Written, written
from litz.checkpoint import Checkpoint, open_checkpoint
from litz.spec import weights
from litz.weights import Source
from tests.parity.harness.decoders import Row, save
from tests.parity.harness.gguf_writer import write
from tests.parity.harness.rows import FAMILIES, ROWS

Arrays = dict[str, np.ndarray]


def rows_of(array: np.ndarray, columns: tuple[int, ...], *, transposed: bool) -> np.ndarray:
    """A stored tensor's rows in the order of their numbers, as a view."""
    turned = array.swapaxes(-1, -2) if transposed else array
    return turned.reshape(-1, *columns)


def canonical(stored: Arrays, source: Source, shape: tuple[int, ...]) -> np.ndarray:
    """What the weight's parts hold."""
    parts = [
        rows_of(stored[part.tensor], shape[1:], transposed=source.transposed)[part.start :: part.step][: part.rows]
        for part in source.parts
    ]
    return np.concatenate(parts)


def checkpoint_tensor(tensor: Written, values: Arrays) -> np.ndarray:
    """The tensor that its layout makes of the weights."""
    columns = values[tensor.weights[0]].shape[1:]
    shape = tensor.layout.shape
    ordered = (*shape[:-2], shape[-1], shape[-2]) if tensor.layout.transposed else shape
    rows = np.full((int(np.prod(ordered)) // int(np.prod(columns)), *columns), np.nan, np.float32)
    for weight, slabs in zip(tensor.weights, tensor.layout.slabs, strict=True):
        rest = values[weight][tensor.first :]
        for start, count, step in slabs:
            rows[start::step][:count], rest = rest[:count], rest[count:]
    made = rows.reshape(ordered)
    return made.swapaxes(-1, -2) if tensor.layout.transposed else made


def opened(row: Row, folder: Path) -> tuple[Checkpoint, Arrays]:
    save(row.build(), folder)
    return open_checkpoint(hub.resolve(str(folder))), load_file(folder / "model.safetensors")


def of_checkpoint(checkpoint: Checkpoint) -> list[Written]:
    described = family(checkpoint.config["model_type"])
    names = with_last(described.names, described.written(checkpoint.spec))
    return written(checkpoint.spec, names, prefix=described.prefix)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_checkpoint_comes_back_from_its_weights(row: Row, tmp_path: Path) -> None:
    checkpoint, stored = opened(row, tmp_path)
    shapes = dict(weights(checkpoint.spec))
    values = {source.name: canonical(stored, source, shapes[source.name]) for source in checkpoint.sources}
    assert {name: array.shape for name, array in values.items()} == shapes
    tensors = of_checkpoint(checkpoint)
    made = {tensor.name: checkpoint_tensor(tensor, values) for tensor in tensors}
    assert sorted(made) == sorted(stored)
    for name, array in stored.items():
        assert made[name].shape == array.shape, name
        assert np.array_equal(made[name], array), name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_weight_is_written_once(row: Row, tmp_path: Path) -> None:
    checkpoint, _ = opened(row, tmp_path)
    tensors = of_checkpoint(checkpoint)
    held = [weight for tensor in tensors if not tensor.first for weight in tensor.weights]
    assert sorted(held) == sorted(name for name, _ in weights(checkpoint.spec))


GGUF_ROWS = [row for described in FAMILIES.values() for row in described.gguf_rows()]
ROPES = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")  # no weights


def opened_gguf(row: Row, path: Path) -> tuple[Checkpoint, Arrays]:
    write(row.build(), path)
    checkpoint = open_checkpoint(hub.resolve(str(path)))
    file = checkpoint.tensor_files[0]
    shapes = {name: shape for name, (_, shape, _) in file.tensors().items() if name not in ROPES}
    return checkpoint, {name: np.frombuffer(file.read_f32(name), "<f4").reshape(shapes[name]) for name in shapes}


@pytest.mark.parametrize("row", GGUF_ROWS, ids=lambda row: row.name)
def test_a_gguf_file_comes_back_from_its_weights(row: Row, tmp_path: Path) -> None:
    checkpoint, stored = opened_gguf(row, tmp_path / "model.gguf")
    shapes = dict(weights(checkpoint.spec))
    values = {source.name: canonical(stored, source, shapes[source.name]) for source in checkpoint.sources}
    names = gguf.names(family(checkpoint.config["model_type"]), {name: array.shape for name, array in stored.items()})
    made = {tensor.name: checkpoint_tensor(tensor, values) for tensor in written(checkpoint.spec, names)}
    assert sorted(made) == sorted(stored)
    for name, array in stored.items():
        assert np.array_equal(made[name].reshape(array.shape), array), name
