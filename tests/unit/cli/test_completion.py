"""Completion scripts, run by the shells that they are for."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from litz.cli import main
from litz.cli.arguments.parser import flags
from litz.cli.command import parser_of
from litz.cli.commands import COMMANDS
from litz.cli.completion.syntax import describe
from litz.hub.known import KNOWN
from tests.servers import isolate, write_snapshot

if sys.platform == "win32":
    pytest.skip("the shells are POSIX", allow_module_level=True)

from tests.terminals import Terminal


@pytest.fixture(autouse=True)
def command(monkeypatch, tmp_path):
    """A `litz` on the PATH, and a cached model."""
    isolate(monkeypatch, tmp_path)
    write_snapshot(tmp_path / "hub", {"m.gguf": b"GGUF"}, repo="owner/tiny")
    program = tmp_path / "bin" / "litz"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m litz "$@"\n')
    program.chmod(0o755)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "text.txt").touch()
    (tmp_path / "here" / "$(touch evil)").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def script(shell, capsys):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def ask(shell, program):
    done = subprocess.run([shutil.which(shell), "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def bash(line, capsys, *, breaks=" \t\n\"'><=;|&(:"):
    """What bash offers after this line, as its own completion calls the function."""
    requested = f"""
{script("bash", capsys)}
COMP_LINE={line!r} COMP_POINT={len(line)} COMP_WORDBREAKS={shlex.quote(breaks)}
_litz 2> /dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return [word for word in ask("bash", requested) if word]


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")


@needs_bash
def test_bash_registers_the_function(capsys):
    assert ask("bash", f"{script('bash', capsys)}\ncomplete -p litz") == ["complete -F _litz litz"]


@needs_bash
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("litz ", list(COMMANDS)),
        ("litz to", ["tokenizer"]),
        ("litz tokenizer ", ["show", "dump", "encode", "train"]),
        ("litz tokenizer tr", ["train"]),
        ("litz tokenizer train x --ki", ["--kind"]),
        ("litz tokenizer train x --kind w", ["wordpiece", "wordlevel"]),
        ("litz chat --temp", ["--temperature"]),
        ("litz chat --seed ", []),
        ("litz completion ", ["bash", "zsh", "fish"]),
        ("litz chat -m qwen3:1", ["1.7b", "14b"]),
        ("litz chat smollm3", ["smollm3:3b"]),
        ("litz info own", ["owner/tiny"]),
        ("litz info te", ["text.txt"]),
        ("litz info $(", ["$(touch evil)"]),
        ("litz chat --stats qwen2.5:0", ["0.5b"]),
        ("litz tokenizer train te", ["text.txt"]),
        ("litz chat --model=qwen3:8", ["8b"]),
        ("litz tokenizer train x --kind=word", ["wordpiece", "wordlevel"]),
        ("litz nothing ", []),
    ],
)
def test_what_bash_offers(line, offered, capsys):
    assert sorted(bash(line, capsys)) == sorted(offered)
    assert not os.path.exists("evil")


@needs_bash
def test_where_a_colon_is_no_break_the_whole_name_is_offered(capsys):
    assert bash("litz chat -m qwen3:8", capsys, breaks=" \t\n") == ["qwen3:8b"]


@needs_bash
def test_tab_in_a_bash_that_somebody_types_in(tmp_path, capsys):
    (tmp_path / "litz.bash").write_text(script("bash", capsys))
    screen = Terminal(["bash", "--norc", "--noprofile", "-i"], PS1="ready> ", INPUTRC="/dev/null")
    try:
        screen.until("ready> ")
        screen.send(f'. {tmp_path / "litz.bash"}; litz() {{ echo got "$@"; }}\n')
        screen.until("ready> ")
        for typed, got in (("tokeni\tsh\t", "tokenizer show"), ("chat -m qwen3:0.\tHi", "chat -m qwen3:0.6b Hi")):
            screen.send(f"litz {typed}\n")
            screen.until(f"got {got}")
    finally:
        screen.send("exit\n")
        screen.close()


def test_every_option_of_every_command_is_in_the_scripts(capsys):
    scripts = {shell: script(shell, capsys) for shell in ("bash", "zsh", "fish")}
    for name in COMMANDS:
        for flag in flags(parser_of(name)):
            assert flag in scripts["bash"]
            assert flag in scripts["zsh"]
            assert f"-l {flag[2:]} " in scripts["fish"] or f"-s {flag[1:]} " in scripts["fish"]
    assert all(row.name in text for text in scripts.values() for row in KNOWN)


def test_what_a_word_may_be_is_told_by_the_parsers():
    forms = {form.words: form for name, text in COMMANDS.items() for form in describe(name, text, parser_of(name))}
    assert forms["chat",].values[0].kind == "model"
    assert forms["tokenizer", "train"].values[0].kind == "file"
    kinds = {flag.spellings[-1]: flag.value.kind for flag in forms["tokenizer", "show"].flags}
    assert (kinds["--model"], kinds["--compare"], kinds["--json"]) == ("model", "model", "nothing")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
def test_zsh_reads_its_script(capsys):
    requested = f"""
compdef() {{ print "registered $*" }}
compadd() {{ shift; print -l -- "$@" }}
_files() {{ print files }}
{script("zsh", capsys)}
words=(litz chat -m "") CURRENT=4; _litz
words=(litz tokenizer train x --kind "") CURRENT=6; _litz
words=(litz tokenizer "") CURRENT=3; _litz
"""
    said = ask("zsh", requested)
    assert said[0] == "registered _litz litz"
    assert {"qwen3:0.6b", "owner/tiny", "files", "wordpiece", "dump"} < set(said)


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("litz tok", "tokenizer"),
        ("litz chat --temp", "--temperature"),
        ("litz chat -m qwen3:1.", "qwen3:1.7b"),
        ("litz chat -m owner", "owner/tiny"),
        ("litz tokenizer train --kind wordp", "wordpiece"),
    ],
)
def test_what_fish_offers(line, offered, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "litz.fish").write_text(script("fish", capsys))
    said = ask("fish", f"source {tmp_path / 'litz.fish'}; complete -C {line!r}")
    assert [word.partition("\t")[0] for word in said] == [offered]
