"""Weights that torch.save wrote, in both of its layouts: the same numbers under the same names, as safetensors."""

import json
import os

import pytest
import torch

from litz._core import TensorFile
from litz.hub.files import ModelFiles, select
from litz.pickles import as_safetensors

MATRIX = torch.arange(42, dtype=torch.float32).reshape(6, 7)
STATE = {
    "matrix": MATRIX,
    "tied": MATRIX,
    "transposed": MATRIX.T,
    "rows": MATRIX[1:3],
    "repeated": torch.ones(1, 3).expand(4, 3),
    "permuted": torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
    "parameter": torch.nn.Parameter(torch.ones(3)),
    "empty": torch.zeros(0, 3),
    "one": torch.tensor(3.0),
    **{str(dtype): torch.ones(3, dtype=dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64)},
    **{str(dtype): torch.ones(3, dtype=dtype) for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool)},
}
LAYOUTS = pytest.mark.parametrize("zipped", [True, False])


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("LITZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def write(path, state, *, zipped=True):
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


@LAYOUTS
def test_every_tensor_has_its_numbers(zipped, tmp_path):
    file = TensorFile(as_safetensors(write(tmp_path / "pytorch_model.bin", STATE, zipped=zipped)))
    held, other = file.tensors(), file.metadata()
    for name, tensor in STATE.items():
        stored = other.get(name, name)
        assert held[stored][1] == tuple(tensor.shape)
        assert file.read(stored) == tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    assert other["tied"] == "matrix", "one tensor of two names is written once"
    assert "tied" not in held


@LAYOUTS
def test_a_state_dict_with_its_version_numbers_is_read(zipped, tmp_path):
    state = torch.nn.TransformerEncoderLayer(8, 2).state_dict()
    file = TensorFile(as_safetensors(write(tmp_path / "pytorch_model.bin", state, zipped=zipped)))
    assert list(file.tensors()) == list(state)


def test_the_copy_is_made_once_and_anew_for_a_changed_file(home, tmp_path):
    path = write(tmp_path / "pytorch_model.bin", {"a": torch.ones(2)})
    made = as_safetensors(path)
    written = made.stat().st_mtime_ns
    assert as_safetensors(path) == made
    assert made.stat().st_mtime_ns == written
    write(path, {"a": torch.zeros(2)})
    os.utime(path, ns=(0, 0))
    assert TensorFile(as_safetensors(path)).read_f32("a") == bytes(8)
    assert [each.suffix for each in (home / "converted").iterdir()] == [".safetensors"] * 2


def test_a_folder_without_safetensors_is_read_from_its_pickles(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    write(tmp_path / "pytorch_model.bin", {"a": torch.ones(2)})
    files = select(tmp_path, "m", want="model")
    assert files == ModelFiles("m", tmp_path, None)
    assert list(TensorFile(files.weights()[0]).tensors()) == ["a"]
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert select(tmp_path, "m", want="model").gguf == tmp_path / "m.gguf"


def test_shards_are_read_from_the_index_of_pickles(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for name in ("one", "two"):
        write(tmp_path / f"pytorch_model-{name}.bin", {name: torch.ones(2)})
    index = {"weight_map": {name: f"pytorch_model-{name}.bin" for name in ("one", "two")}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    found = [list(TensorFile(path).tensors()) for path in select(tmp_path, "m", want="model").weights()]
    assert found == [["one"], ["two"]]
