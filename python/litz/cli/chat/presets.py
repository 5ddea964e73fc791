"""Presets: a model, a system prompt and parameters under one name, in a TOML file that the user writes."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litz.cli.chat import settings
from litz.errors import ArgumentError, FormatError
from litz.hub.locations import litz_configuration
from litz.nearest import nearest

_KEYS = {"model": str, "system": str, "parameters": dict, "template_variables": dict}
_KINDS = {str: "a text", dict: "a table"}


@dataclass(frozen=True)
class Preset:
    """The settings of a preset; the command line overrides them."""

    model: str = ""
    system: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)  # as the engine takes them
    template_variables: dict[str, object] = field(default_factory=dict)
    think: bool | None = None


def folder() -> Path:
    """The folder of the presets, NAME.toml."""
    return litz_configuration() / "presets"


def find(name: str) -> Path:
    """The file of a preset: a path, or a name in the folder; ArgumentError lists those that there are."""
    if "/" in name or "\\" in name or name.endswith(".toml") or name.startswith("~"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise ArgumentError(f"no preset file {str(path)!r}")
        return path
    path = folder() / f"{name}.toml"
    if path.is_file():
        return path
    known = sorted(file.stem for file in folder().glob("*.toml"))
    near = nearest(name, known)
    hint = f"did you mean {near}? " if near else ""
    listed = f"there are {', '.join(known)}" if known else "there is none yet: write NAME.toml"
    raise ArgumentError(f"no preset {name!r}; {hint}{listed} in {folder()}")


def read(path: Path) -> Preset:
    """A preset from its file; FormatError names the key that is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"{path} is no TOML: {error}") from error
    for key, value in content.items():
        if key not in _KEYS:
            hint = ": it belongs into [parameters]" if key in settings.SETTINGS else _hint(key, _KEYS)
            raise FormatError(f"{path} has {key!r}{hint}")
        if not isinstance(value, _KEYS[key]):
            raise FormatError(f"{path}: {key} must be {_KINDS[_KEYS[key]]}, found {value!r:.60}")
    parameters, think = _parameters(content.get("parameters", {}), path)
    return Preset(
        model=content.get("model", ""),
        system=content.get("system", ""),
        parameters=parameters,
        template_variables=content.get("template_variables", {}),
        think=think,
    )


def _parameters(table: Mapping[str, object], path: Path) -> tuple[dict[str, Any], bool | None]:
    """(what the engine takes, whether to reason first)."""
    made: dict[str, Any] = {}
    think: bool | None = None
    for key, value in table.items():
        if key == "system":
            raise FormatError(f"{path}: [parameters] has 'system': it stands above the tables")
        try:
            name = settings.setting(key)
            read_value = settings.from_value(name, value)
        except ArgumentError as error:
            raise FormatError(f"{path}: [parameters]: {error}") from error
        if name == "think":
            think = read_value
        else:
            made = settings.changed(made, {name: read_value})
    return made, think


def _hint(key: str, known: Iterable[str]) -> str:
    near = nearest(key, known)
    return f": did you mean {near}?" if near else f"; a preset may have {', '.join(known)}"
