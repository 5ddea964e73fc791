"""The commands and packages that errors and help mention exist."""

import argparse
import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import litz
from litz.cli.commands import COMMANDS

SOURCES = sorted(Path(litz.__file__).parent.rglob("*.py"))
CRATES = sorted((Path(__file__).parent.parent / "crates").rglob("*.rs"))
# What `pip install` may name: litz itself is on no index.
INSTALLABLE = {"numpy", "torch", "pyarrow", "huggingface_hub", "pip"}


def texts(path: Path) -> Iterator[str]:
    """Every text in a Python file, what is formatted as {}."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def messages() -> Iterator[tuple[Path, str]]:
    for path in SOURCES:
        yield from ((path, text) for text in texts(path))
    for path in CRATES:
        yield path, path.read_text(encoding="utf-8")


def test_what_pip_is_asked_for_can_be_installed() -> None:
    requested = {name.strip("'\"`") for _, text in messages() for name in re.findall(r"pip install (\S+)", text)}
    names = {name.rstrip(".,;)") for name in requested if name not in ("{}", "-q")}
    assert names, "no hint names a package any more: this test looks at nothing"
    assert {name for name in names if re.split(r"[<>=!~\[]", name)[0] not in INSTALLABLE or "[" in name} == set()


def test_every_command_that_is_named_exists() -> None:
    named = {
        (path.name, match[1])
        for path, text in messages()
        for match in re.finditer(r"`litz ([a-z-]+)", text)
        if path.suffix == ".py"
    }
    assert len({command for _, command in named}) > 5
    assert {(place, command) for place, command in named if command not in COMMANDS} == set()


def options_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    import_module(f"litz.cli.{command}").configure(parser)
    return {option for action in parser._actions for option in action.option_strings} | {"--debug", "--verbose", "-v"}


def test_every_flag_of_a_command_that_is_named_exists() -> None:
    named = {
        (match[1], flag)
        for _, text in messages()
        for match in re.finditer(r"`litz ([a-z]+)([^`]*)`", text)
        for flag in re.findall(r"--[a-z-]+", match[2])
        if match[1] in COMMANDS and match[1] != "tokenizer"
    }
    assert {(command, flag) for command, flag in named if flag not in options_of(command) | {"--help"}} == set()


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_missing_library_is_asked_for_by_its_own_name(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from litz import arrays

    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(litz.errors.MissingDependencyError, match=f"pip install {library}$"):
        arrays.integers([[1]], library)  # type: ignore[arg-type]
