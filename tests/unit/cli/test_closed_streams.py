"""The command where the parent closed standard streams: a plain message, or silence with an exit status."""

import errno
import io
import os
import subprocess
import sys

import pytest

from litz.cli import main
from litz.cli.commands import COMMANDS
from tests.servers import isolate

if sys.platform == "win32":
    pytest.skip("closing descriptors is POSIX", allow_module_level=True)

COMMAND = [sys.executable, "-m", "litz"]


def closed(*arguments, streams, text=""):
    shell = ["sh", "-c", f'"$@" {streams}', "sh", *COMMAND, *arguments]
    return subprocess.run(shell, capture_output=True, text=True, input=text, timeout=60)


@pytest.mark.parametrize("arguments", [("env",), ("ls", "--known"), ("--help",), ("chat", "--help")], ids=str)
def test_closed_output_is_no_error(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    ran = closed(*arguments, streams=">&-")
    assert (ran.stderr, ran.returncode) == ("", 0)


@pytest.mark.parametrize("arguments", [("--help",), ("ls", "--known"), ("chat", "--help")], ids=str)
def test_a_pipe_without_a_reader_ends_quietly(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run([*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (ran.stderr, ran.returncode) == ("", 141)


class WithoutReader(io.StringIO):
    """Standard output as a pipe whose other end is closed."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


@pytest.mark.parametrize(
    "arguments", [["default"], ["env"], ["completion", "zsh"], *([name, "--help"] for name in COMMANDS)], ids=str
)
def test_every_command_ends_so(arguments, tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "stdout", WithoutReader())
    assert main(arguments) == 141
    assert capsys.readouterr().err == ""


def test_messages_without_a_reader_are_quiet_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    reading, writing = os.pipe()
    os.close(reading)
    for arguments in (["info", "./nowhere"], ["nothing"], ["chat", "--nothing"]):
        ran = subprocess.run([*COMMAND, *arguments], stderr=writing, stdout=subprocess.PIPE, text=True, timeout=60)
        assert (ran.stdout, ran.returncode) == ("", 141)
    os.close(writing)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [("ls", "--known"), ("--help",), ("env",)], ids=str)
def test_a_full_disk_behind_the_output_is_said_once(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with open("/dev/full", "w") as full:
        ran = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (ran.stderr, ran.returncode) == ("litz: No space left on device\n", 1)


@pytest.mark.parametrize("streams", ["2>&-", "<&-", "<&- 2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("arguments", [("env",), ("generate", "/nowhere"), ("info", "/nowhere")], ids=str)
def test_no_closed_stream_is_an_internal_error(arguments, streams):
    ran = closed(*arguments, streams=streams)
    assert "internal error" not in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr + ran.stdout
    if arguments == ("env",) and ">&- " not in streams.replace("2>&-", ""):
        assert ran.returncode == 0
        assert ran.stdout.startswith("litz")


def test_notes_never_move_into_the_output():
    ran = closed("generate", "/nowhere", "hello", streams="2>&-")
    assert (ran.returncode, ran.stdout) == (1, "")
