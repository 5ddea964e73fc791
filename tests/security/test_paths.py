"""Names that come from a model's files never lead out of the model's folder."""

import json
import os

import pytest

from litz.errors import ArgumentError, FormatError, ModelNotFoundError
from litz.hub import resolve
from litz.hub.files import shards
from litz.hub.paths import check_name, resolve_in
from litz.hub.sources import parse
from tests.servers import isolate, write_snapshot

ESCAPES = [
    "../secret",
    "a/../../secret",
    "a/..",
    "/etc/passwd",
    "//server/share",
    "\\\\server\\share",
    "..\\secret",
    "C:/Windows/win.ini",
    "C:secret",
    "c:\\secret",
    "model.safetensors:stream",
    "",
    ".",
    "a\0b",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_name_that_could_leave_is_refused(name):
    with pytest.raises(FormatError, match="refused"):
        check_name(name)


@pytest.mark.parametrize("name", ["model.safetensors", "1_Pooling/config.json", "a..b", "..a", "名字.json", "./x"])
def test_ordinary_names_pass(name, tmp_path):
    assert resolve_in(tmp_path, name) == tmp_path / name


def test_a_folder_of_the_users_own_may_link_anywhere(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.safetensors").write_text("x")
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").symlink_to(outside / "x.safetensors")
    (model / "inside").symlink_to(outside)
    assert resolve_in(model, "config.json").read_text() == "x"
    assert resolve_in(model, "inside/x.safetensors").read_text() == "x"


def test_a_link_out_of_a_repository_is_refused(tmp_path):
    (tmp_path / "secret").write_text("s")
    model = write_snapshot(tmp_path, {"config.json": b"{}", "text/config.json": b"{}"})
    (model / "evil").symlink_to(tmp_path / "secret")
    (model / "text" / "evil").symlink_to(tmp_path / "secret")
    for root, name in ((model, "evil"), (model, "text/evil"), (model / "text", "evil")):
        with pytest.raises(FormatError, match="symbolic link"):
            resolve_in(root, name)


def test_a_linked_folder_does_not_help_either(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.safetensors").write_text("x")
    model = write_snapshot(tmp_path, {"config.json": b"{}"})
    (model / "inside").symlink_to(outside)
    own = tmp_path / "own"
    own.symlink_to(model)  # a way of one's own to what came from the Hub
    for root in (model, own):
        with pytest.raises(FormatError, match="symbolic link"):
            resolve_in(root, "inside/x.safetensors")


def test_a_repository_may_not_link_to_another(tmp_path):
    other = write_snapshot(tmp_path, {"config.json": b"{}"}, repo="owner/other")
    model = write_snapshot(tmp_path, {"config.json": b"{}"})
    (model / "stolen.json").symlink_to(other / "config.json")
    with pytest.raises(FormatError, match="symbolic link"):
        resolve_in(model, "stolen.json")


def test_links_within_the_folder_and_a_linked_root_are_fine(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "a").write_text("a")
    (model / "b").symlink_to("a")
    link = tmp_path / "link"
    link.symlink_to(model)
    assert resolve_in(link, "b").read_text() == "a"


def test_a_folder_whose_name_begins_like_the_root_is_outside(tmp_path):
    model = write_snapshot(tmp_path, {"config.json": b"{}"})
    evil = model.with_name(f"{model.name}-evil")
    evil.mkdir()
    (evil / "x").write_text("x")
    (model / "x").symlink_to(evil / "x")
    with pytest.raises(FormatError, match="symbolic link"):
        resolve_in(model, "x")


def test_the_hub_cache_links_to_its_blobs_and_nowhere_else(tmp_path):
    snapshot = write_snapshot(tmp_path, {"config.json": b"{}"})
    assert resolve_in(snapshot, "config.json").read_text() == "{}"
    (tmp_path / "other").write_text("o")
    (snapshot / "evil").symlink_to(tmp_path / "other")
    with pytest.raises(FormatError, match="symbolic link"):
        resolve_in(snapshot, "evil")


@pytest.mark.parametrize("name", [*ESCAPES, 7, None])
def test_an_index_may_not_name_files_elsewhere(name, tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": name}}))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FormatError):
        shards(index)
    with pytest.raises(FormatError):
        resolve(tmp_path)


@pytest.mark.parametrize("index", ["[]", "{}", '{"weight_map": []}', '{"weight_map": {}}', "nonsense"])
def test_an_index_that_is_none_is_refused(index, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(FormatError, match="index"):
        resolve(tmp_path)


@pytest.mark.parametrize("name", ["../x.gguf", "/x.gguf", "C:\\x.gguf"])
def test_gguf_file_stays_inside(name, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(FormatError, match="refused"):
        resolve(tmp_path / "model", gguf_file=name)


@pytest.mark.parametrize("revision", ["../../../../etc", "/etc", "..", "C:x"])
def test_a_revision_is_a_name_too(revision, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    with pytest.raises(FormatError, match="refused"):
        resolve("owner/name", revision=revision, local_files_only=True)


def test_a_ref_file_may_not_point_elsewhere(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    write_snapshot(tmp_path / "hub", {"config.json": b"{}"}, commit="../../evil")
    with pytest.raises(FormatError, match="refused"):
        resolve("owner/name", local_files_only=True)


@pytest.mark.parametrize(
    "source", ["owner/../name", "../name", "a/b/c/d", "owner/..", "owner/name:../x.gguf", "owner/name:/x.gguf"]
)
def test_names_of_repositories_do_not_climb(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ArgumentError, ModelNotFoundError, FormatError)):
        parse(source)


@pytest.mark.parametrize("member", ["../x.gguf", "/etc/passwd", "a/../../x", "a\\b", "C:/x"])
def test_members_of_a_wheel_do_not_climb(member):
    with pytest.raises(ArgumentError):
        parse(f"pypi:toy==1.0/{member}")


def test_options_cannot_be_smuggled_into_the_installer():
    for text in ("pypi:--index-url==1/x", "pypi:toy==--pre/x", "pypi:toy@http://x==1/x", "pypi:toy==1 --pre/x"):
        with pytest.raises(ArgumentError):
            parse(text)


def test_the_check_does_not_depend_on_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert os.path.samefile(resolve_in(tmp_path.relative_to(tmp_path), "config.json"), tmp_path / "config.json")
