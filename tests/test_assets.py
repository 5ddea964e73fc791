"""The fetching of test assets itself: a wrong checksum or an escaping member is an error, never a half-filled cache."""

import io
import tarfile
import zipfile

import pytest

from tests import assets
from tests.assets import Archive, Asset, AssetError, asset


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LITZ_TEST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def serve(monkeypatch, tmp_path, members, wanted):
    """Let `asset("toy")` find a wheel with these members instead of downloading one."""
    package = tmp_path / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(package, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
    monkeypatch.setattr(assets, "ASSETS", {"toy": wanted})
    monkeypatch.setattr(assets, "_download", lambda archive, folder: package)
    return assets.hashlib.sha256(package.read_bytes()).hexdigest()


def toy(sha256, folder="toy", file=None):
    return Asset((Archive("wheel", "toy==1.0", sha256),), folder, file)


def test_a_folder_is_unpacked_once(cache, tmp_path, monkeypatch):
    sha256 = serve(monkeypatch, tmp_path, {"toy/a/b.txt": "b", "other/c.txt": "c"}, toy("0" * 64))
    monkeypatch.setattr(assets, "ASSETS", {"toy": toy(sha256)})
    folder = asset("toy")
    assert [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()] == ["a/b.txt"]
    monkeypatch.setattr(assets, "_download", None)
    assert asset("toy") == folder


def test_a_wrong_checksum_leaves_nothing(cache, tmp_path, monkeypatch):
    serve(monkeypatch, tmp_path, {"toy/a.txt": "a"}, toy("0" * 64))
    with pytest.raises(AssetError, match="expected 0000"):
        asset("toy")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("name", ["../toy/a", "/toy/a", "toy/../../a", "C:/toy/a", "toy\\a"])
def test_members_never_leave_the_folder(name):
    with pytest.raises(AssetError, match="would leave"):
        assets._contained(name)


def test_links_in_a_tarball_are_not_followed(tmp_path):
    package = tmp_path / "toy.tar.gz"
    with tarfile.open(package, "w:gz") as tarball:
        link = tarfile.TarInfo("toy/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tarball.addfile(link)
        entry = tarfile.TarInfo("toy/file")
        entry.size = 2
        tarball.addfile(entry, io.BytesIO(b"ok"))
    assert [str(path) for path, _ in assets._members(package)] == ["file"]


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AssetError, match="smollm2"):
        asset("nothing")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(assets.ASSETS))
def test_every_asset_can_be_had(name):
    assert asset(name).exists()
