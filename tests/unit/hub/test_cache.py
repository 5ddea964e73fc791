"""The caches: a complete snapshot opens no socket, an incomplete one is never used."""

import json
import os
import subprocess
import sys

import pytest

from litz.errors import ArgumentError, FormatError, ModelNotFoundError
from litz.hub import DEFAULT_MODEL, cached, remove, resolve
from litz.hub.cache import (
    find_package,
    lacking,
    maybe_incomplete,
    note_of_snapshot,
    package_folder,
    package_note,
    snapshot,
    write_json,
)
from litz.hub.locations import hub_cache, litz_home, offline_because
from litz.hub.sources import parse_package
from tests.servers import COMMIT, isolate, write_snapshot

MODEL = {
    "config.json": b"{}",
    "tokenizer.json": b"{ }",
    "tokenizer_config.json": b"{  }",
    "model.safetensors": b"weights",
}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")

# Any socket, any process and any import of a network library is an error.
DENY = """
import sys
def deny(event, arguments):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork"):
        raise SystemExit(f"forbidden: {event} {arguments}")
sys.addaudithook(deny)
"""


@pytest.fixture
def home(monkeypatch, tmp_path):
    return isolate(monkeypatch, tmp_path)


@pytest.fixture
def hub(home, tmp_path):
    return tmp_path / "hub"


def store(home, text, content):
    """Put a file into litz's cache as a finished download does."""
    source = parse_package(text)
    path = package_folder(source, home) / source.member
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    sha256 = source.sha256 or "0" * 64
    write_json(package_note(source, home), {"files": {source.member: {"bytes": len(content), "sha256": sha256}}})
    return path


def test_the_environment_names_the_caches(monkeypatch, home, tmp_path):
    monkeypatch.delenv("LITZ_HOME")
    monkeypatch.delenv("HF_HUB_CACHE")
    user = tmp_path / "home" / ".cache"
    assert (hub_cache(), litz_home()) == (user / "huggingface" / "hub", user / "litz")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert (str(hub_cache()), str(litz_home())) == ("/xdg/huggingface/hub", "/xdg/litz")
    monkeypatch.setenv("HF_HOME", "~/hf")
    assert (hub_cache(), litz_home()) == (tmp_path / "home/hf/hub", tmp_path / "home/hf/litz")
    for variable in ("TRANSFORMERS_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, f"/{variable}")
        assert str(hub_cache()) == f"/{variable}"
    assert str(hub_cache("/mine")) == "/mine"


@pytest.mark.parametrize("code", [f"resolve({DEFAULT_MODEL!r})", "resolve('owner/name')"])
def test_a_complete_copy_is_used_without_a_socket(code, home, hub):
    store(home, __import__("litz.hub.sources", fromlist=["PACKAGE"]).PACKAGE, b"GGUF")
    write_snapshot(hub, MODEL)
    program = f"{DENY}\nfrom litz.hub import resolve\nfiles = {code}\n"
    program += "assert not {'huggingface_hub', 'numpy', 'socket', 'subprocess'} & set(sys.modules)\nprint(files.root)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_denial_itself_works():
    program = f"{DENY}\nimport socket; socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "forbidden" in done.stderr


def test_revisions_are_branches_tags_and_commits(hub):
    folder = write_snapshot(hub, MODEL)
    other = write_snapshot(hub, MODEL, commit="f" * 40, ref="v2")
    assert snapshot(hub, "owner/name") == folder
    assert snapshot(hub, "owner/name", revision="v2") == other
    assert snapshot(hub, "owner/name", revision="f" * 40) == other
    assert snapshot(hub, "owner/name", revision="v3") is None


@pytest.mark.parametrize("want", ["model", "tokenizer", "config"])
def test_a_snapshot_written_by_others_is_complete_when_all_is_there(want, home, hub):
    assert lacking(write_snapshot(hub, MODEL), want, home=home) == []


def test_a_shard_that_the_index_names_must_be_there(home, hub):
    index = json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}).encode()
    folder = write_snapshot(hub, {"config.json": b"{}", "model.safetensors.index.json": index, SHARDS[0]: b"1"})
    assert lacking(folder, "model", home=home) == [SHARDS[1]]
    with pytest.raises(
        ModelNotFoundError, match=f"only partly.*{SHARDS[1]}.*local_files_only=True.*litz pull owner/name"
    ):
        resolve("owner/name", local_files_only=True)


def test_a_link_to_nowhere_makes_it_incomplete_where_it_is_read(home, hub):
    folder = write_snapshot(hub, MODEL)
    (folder / "generation_config.json").symlink_to("../../blobs/gone")
    assert lacking(folder, "model", home=home) == ["generation_config.json"]
    assert lacking(folder, "tokenizer", home=home) == []
    os.remove(os.path.realpath(folder / "model.safetensors"))
    assert lacking(folder, "model", home=home) == ["model.safetensors"]


@pytest.mark.parametrize(
    "name", ["README.md", "pytorch_model.bin", "onnx", "merges.txt", "model.safetensors.index.json"]
)
def test_a_link_to_nowhere_that_nobody_reads_changes_nothing(name, home, hub):
    folder = write_snapshot(hub, MODEL)
    (folder / name).symlink_to("../../blobs/gone")
    assert [lacking(folder, want, home=home) for want in ("model", "tokenizer", "config")] == [[], [], []]
    assert resolve("owner/name", local_files_only=True).root == folder


def test_what_an_interrupted_download_left_behind_changes_nothing_offline(home, hub):
    folder = write_snapshot(hub, MODEL)
    blobs = folder.parent.parent / "blobs"
    done = next(iter(blobs.iterdir())).name
    (blobs / f"{done}.1a2b3c4d.incomplete").write_bytes(b"left over")
    assert maybe_incomplete(folder, "model", home=home) == []
    (blobs / "aaaa.incomplete").write_bytes(b"half")
    assert lacking(folder, "model", home=home) == []
    assert maybe_incomplete(folder, "model", home=home) == ["aaaa.incomplete"]
    assert resolve("owner/name", local_files_only=True).root == folder


def test_with_a_network_a_tokenizer_json_alone_is_completed_and_used_where_that_fails(home, hub, monkeypatch):
    folder = write_snapshot(hub, {name: MODEL[name] for name in MODEL if name != "tokenizer_config.json"})
    assert maybe_incomplete(folder, "tokenizer", home=home) == ["tokenizer_config.json"]
    assert (lacking(folder, "tokenizer", home=home), maybe_incomplete(folder, "model", home=home)) == ([], [])
    assert resolve("owner/name", local_files_only=True, want="tokenizer").root == folder
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said = []
    assert resolve("owner/name", want="tokenizer", notify=said.append, timeout=1.0).root == folder
    assert "cannot be fetched: 127.0.0.1:9 refused the connection after 0" in said[-1]
    marker = folder.parent.parent / ".no_exist" / COMMIT / "tokenizer_config.json"
    marker.parent.mkdir(parents=True)
    marker.touch()
    assert maybe_incomplete(folder, "tokenizer", home=home) == []


def test_a_snapshot_of_one_gguf_file_is_complete_offline(home, hub):
    folder = write_snapshot(hub, {"m.Q4_0.gguf": b"GGUF"})
    for want in ("model", "tokenizer", "config"):
        assert resolve("owner/name", local_files_only=True, want=want).gguf == folder / "m.Q4_0.gguf"


def test_a_tokenizer_needs_none_of_the_weights_that_a_note_lists(home, hub):
    folder = write_snapshot(hub, MODEL)
    sizes = {name: len(content) for name, content in MODEL.items()}
    write_json(note_of_snapshot(folder, home), {"want": "model", "files": sizes})
    (folder / "model.safetensors").unlink()
    assert lacking(folder, "tokenizer", home=home) == []
    assert lacking(folder, "model", home=home) == ["model.safetensors"]


class TestSubfolders:
    def test_of_the_hub(self, home, hub):
        folder = write_snapshot(hub, {f"text/{name}": content for name, content in MODEL.items()})
        files = resolve("owner/name", subfolder="text", local_files_only=True)
        assert (files.root, files.find("config.json")) == (folder / "text", folder / "text" / "config.json")
        (folder / "text" / "evil").symlink_to(hub)
        with pytest.raises(FormatError, match="symbolic link"):
            files.find("evil")
        with pytest.raises(ModelNotFoundError, match=r"only partly|not in"):
            resolve("owner/name", subfolder="other", local_files_only=True)

    def test_with_a_gguf_file_in_it(self, home, hub):
        folder = write_snapshot(hub, {"q/m.gguf": b"GGUF", "q/n.gguf": b"GGUF"})
        found = resolve("owner/name", subfolder="q", gguf_file="n.gguf", local_files_only=True)
        assert found.gguf == folder / "q" / "n.gguf"

    @pytest.mark.parametrize("name", [None, "", ".", "/"])
    def test_none_is_the_models_own_folder(self, name, home, hub):
        folder = write_snapshot(hub, MODEL)
        assert resolve("owner/name", subfolder=name, local_files_only=True).root == folder

    def test_of_a_local_folder(self, home, tmp_path):
        (tmp_path / "own" / "a" / "b").mkdir(parents=True)
        for name, content in MODEL.items():
            (tmp_path / "own" / "a" / "b" / name).write_bytes(content)
        assert resolve(tmp_path / "own", subfolder="a/b/").root == tmp_path / "own" / "a" / "b"
        with pytest.raises(ModelNotFoundError, match="no folder 'c'"):
            resolve(tmp_path / "own", subfolder="c")

    @pytest.mark.parametrize("name", ["../x", "/x", "a/../..", "C:x", 3])
    def test_a_name_that_leaves_the_folder_is_an_error(self, name, home, hub):
        write_snapshot(hub, MODEL)
        with pytest.raises(ArgumentError, match="subfolder"):
            resolve("owner/name", subfolder=name, local_files_only=True)

    @pytest.mark.parametrize("source", ["owner/name:q/m.gguf", DEFAULT_MODEL])
    def test_one_file_has_none(self, source, home, hub):
        with pytest.raises(ArgumentError, match="subfolder"):
            resolve(source, subfolder="q", local_files_only=True)


def test_one_file_of_a_repository_needs_nothing_else(home, hub):
    write_snapshot(hub, {"q/m.Q4_0.gguf": b"GGUF", "m.Q8_0.gguf": b"GGUF8"})
    files = resolve("owner/name:q/m.Q4_0.gguf", local_files_only=True)
    assert files.gguf is not None
    assert files.gguf.name == "m.Q4_0.gguf"
    assert resolve("owner/name", gguf_file="m.Q8_0.gguf", local_files_only=True).gguf.name == "m.Q8_0.gguf"
    with pytest.raises(ModelNotFoundError, match="only partly"):
        resolve("owner/name:m.Q2_K.gguf", local_files_only=True)


@pytest.mark.parametrize("variable", ["LITZ_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize("source", ["owner/name", "pypi:toy==1.0/toy/m.gguf", DEFAULT_MODEL])
def test_offline_without_a_copy_says_what_to_do(variable, source, monkeypatch, home):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ModelNotFoundError, match=rf"{variable}=1 forbids the network: run `litz pull.*local folder"):
        resolve(source)
    monkeypatch.setenv(variable, "0")
    assert offline_because() is None


def test_a_file_of_another_size_or_checksum_is_not_used(home):
    text = f"pypi:toy==1.0/toy/m.gguf#sha256={'a' * 64}"
    path = store(home, text, b"GGUF1234")
    assert find_package(parse_package(text), home) == path
    assert find_package(parse_package(text.replace("a" * 64, "b" * 64)), home) is None
    path.write_bytes(b"GGUF")
    assert find_package(parse_package(text), home) is None


@pytest.mark.parametrize(
    "note", ["", "[]", "{}", '{"files": {"../x": {"bytes": 1, "sha256": ""}}}', '{"files": {"x": 1}}']
)
def test_a_note_that_is_damaged_counts_as_none(note, home):
    text = "pypi:toy==1.0/toy/m.gguf"
    store(home, text, b"GGUF")
    package_note(parse_package(text), home).write_text(note)
    assert find_package(parse_package(text), home) is None


def test_listing_and_removing(home, hub):
    store(home, "pypi:toy==1.0/toy/m.gguf", b"GGUF")
    store(home, "pypi:toy==2.0/toy/m.gguf", b"GGUF")
    write_snapshot(hub, MODEL)
    write_snapshot(hub, {"config.json": b"{}"}, repo="owner/half")
    listed = {model.source: (model.complete, model.bytes, model.files) for model in cached()}
    assert listed == {
        "owner/half": (False, 2 + 40, 1),
        "owner/name": (True, 2 + 3 + 4 + 7 + 40, 4),
        "pypi:toy==1.0/toy/m.gguf": (True, 4, 1),
        "pypi:toy==2.0/toy/m.gguf": (True, 4, 1),
    }
    assert remove("pypi:toy==1.0/toy/m.gguf") == 4
    assert remove("owner/name") == 56
    assert [model.source for model in cached()] == ["owner/half", "pypi:toy==2.0/toy/m.gguf"]
    assert not (home / "pypi" / "toy==1.0").exists()


@pytest.mark.parametrize("source", ["owner/none", "pypi:none==1/x", DEFAULT_MODEL])
def test_removing_what_is_not_cached_is_an_error(source, home):
    with pytest.raises(ModelNotFoundError, match="not cached"):
        remove(source)


def test_a_users_own_folder_is_never_removed(home, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    with pytest.raises(ModelNotFoundError, match="yours"):
        remove(str(mine))
    assert mine.is_dir()


def test_the_default_is_taken_from_the_hubs_cache(home, hub):
    write_snapshot(hub, MODEL, repo="HuggingFaceTB/SmolLM2-135M-Instruct")
    said = []
    files = resolve(DEFAULT_MODEL, notify=said.append)
    assert files.root.name == COMMIT
    assert "Hub's cache" in said[0]
