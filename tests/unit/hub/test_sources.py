"""The parsing of source strings, and which file of a folder is the model."""

import json
from pathlib import Path

import pytest

from litz.errors import ArgumentError, FormatError, ModelNotFoundError, UnsupportedError
from litz.hub import resolve
from litz.hub.sources import HubSource, PackageSource, PathSource, parse

HEX = "ab" * 32


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def write_gguf(path):
    path.write_bytes(b"GGUF\x03\0\0\0")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Qwen/Qwen3-0.6B", HubSource("Qwen/Qwen3-0.6B")),
        ("gpt2", HubSource("gpt2")),
        ("owner/name:sub/file.Q4_0.gguf", HubSource("owner/name", "sub/file.Q4_0.gguf")),
        ("pypi:Toy_Model==1.0/a/b.gguf", PackageSource("toy-model", "1.0", "a/b.gguf")),
        (f"pypi:toy==1.0.post1/b.gguf#sha256={HEX.upper()}", PackageSource("toy", "1.0.post1", "b.gguf", HEX)),
    ],
)
def test_the_forms_of_a_source(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse(text) == expected


def test_what_is_on_disk_wins_over_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert parse("owner/name") == PathSource(Path("owner/name"))


@pytest.mark.parametrize("text", ["./nowhere", "/no/such/folder", "~/nowhere", "a/b/c", "missing.gguf", "x\\y"])
def test_a_path_that_is_not_there_is_said_to_be_so(text):
    with pytest.raises(ModelNotFoundError, match="no file or folder"):
        parse(text)


@pytest.mark.parametrize("text", ["", "two words", "pypi:toy", "pypi:toy==1.0", "pypi:toy==1.0/x#sha256=12", "a/b:c"])
def test_nonsense_lists_the_forms(text):
    with pytest.raises(ArgumentError, match="expected"):
        parse(text)


def test_a_folder_of_safetensors(folder):
    files = resolve(folder)
    assert (files.root, files.gguf) == (folder, None)
    assert files.find("tokenizer.json") == folder / "tokenizer.json"
    assert files.find("nothing.json") is None


def test_a_file_of_safetensors_means_its_folder(folder):
    assert resolve(folder / "model.safetensors").root == folder
    (folder / "other.safetensors").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match="no model by itself"):
        resolve(folder / "other.safetensors")


def test_the_first_bytes_decide_what_is_gguf(tmp_path):
    path = write_gguf(tmp_path / "weights.bin")
    assert resolve(path).gguf == path
    (tmp_path / "fake.gguf").write_bytes(b"PK\3\4")
    with pytest.raises(FormatError, match="no GGUF"):
        resolve(tmp_path / "fake.gguf")


def test_one_gguf_in_a_folder_is_the_model(tmp_path):
    path = write_gguf(tmp_path / "m.Q4_0.gguf")
    write_gguf(tmp_path / "mmproj-m.gguf")
    assert resolve(tmp_path).gguf == path
    (tmp_path / "config.json").write_text("{}")  # as many repositories have beside it
    assert resolve(tmp_path).gguf == path


def test_several_gguf_files_are_the_users_choice(tmp_path):
    for name in ("m.Q4_0.gguf", "m.Q8_0.gguf"):
        write_gguf(tmp_path / name)
    with pytest.raises(ModelNotFoundError, match=r"m\.Q4_0\.gguf, m\.Q8_0\.gguf; choose one with gguf_file="):
        resolve(tmp_path)
    assert resolve(tmp_path, gguf_file="m.Q8_0.gguf").gguf == tmp_path / "m.Q8_0.gguf"
    with pytest.raises(ModelNotFoundError, match="has no file"):
        resolve(tmp_path, gguf_file="m.Q2_K.gguf")


def test_safetensors_win_over_a_gguf_beside_them(folder):
    write_gguf(folder / "m.gguf")
    assert resolve(folder).gguf is None


def test_a_missing_shard_is_named(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match=r"model-00002-of-00002\.safetensors missing"):
        resolve(folder)
    assert resolve(folder, want="config").root == folder


def test_pickles_of_other_names_are_refused_by_name(folder):
    (folder / "model.safetensors").rename(folder / "model.ckpt")
    with pytest.raises(UnsupportedError, match=r"model\.ckpt only"):
        resolve(folder)


def test_a_gguf_of_one_part_is_whole(tmp_path):
    write_gguf(tmp_path / "m-00001-of-00001.gguf")
    assert resolve(tmp_path).gguf == tmp_path / "m-00001-of-00001.gguf"


def test_a_split_gguf_is_refused(tmp_path):
    write_gguf(tmp_path / "m-00001-of-00002.gguf")
    with pytest.raises(UnsupportedError, match="split GGUF"):
        resolve(tmp_path)


def test_a_tokenizer_alone_needs_no_weights(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    assert resolve(tmp_path, want="tokenizer").root == tmp_path
    with pytest.raises(ModelNotFoundError, match=r"config\.json"):
        resolve(tmp_path)


def test_an_argument_without_effect_is_an_error(folder):
    with pytest.raises(ArgumentError, match="revision"):
        resolve(folder, revision="v2")
    assert resolve(folder, revision="main").root == folder
    path = write_gguf(folder / "m.gguf")
    with pytest.raises(ArgumentError, match="gguf_file"):
        resolve(path, gguf_file="other.gguf")
    with pytest.raises(ArgumentError, match="two different files"):
        resolve("owner/name:a.gguf", gguf_file="b.gguf", local_files_only=True)


WRONG = [{"source": 5}, {"source": None}, {"revision": 5}, {"gguf_file": 3}, {"cache_dir": 1.5}]


@pytest.mark.parametrize("given", WRONG)
def test_what_can_be_no_name_is_an_error_that_names_the_argument(folder, given):
    requested = {"source": str(folder), **given}
    with pytest.raises(ArgumentError, match="a model must" if "source" in given else next(iter(given))):
        resolve(requested.pop("source"), **requested)
