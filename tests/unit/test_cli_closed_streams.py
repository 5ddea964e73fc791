"""The command where the parent closed standard streams: a plain message, or silence with an exit status."""

import subprocess
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("closing descriptors is POSIX", allow_module_level=True)

COMMAND = [sys.executable, "-c", "import sys; from litz.cli import main; sys.exit(main())"]


def closed(*arguments, streams, text=""):
    shell = ["sh", "-c", f'"$@" {streams}', "sh", *COMMAND, *arguments]
    return subprocess.run(shell, capture_output=True, text=True, input=text, timeout=60)


@pytest.mark.parametrize("arguments", [("env",), ("ls",)], ids=str)
def test_closed_output_is_said_in_plain_words(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    ran = closed(*arguments, streams=">&-")
    assert "internal error" not in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.returncode == (1 if "output is closed" in ran.stderr else 0)


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
