"""The model of a command line that names none: LITZ_MODEL, else what `litz default` set, else the embedded one.

Only the command does this. Python programs name their models, and `pipeline()` without one takes the embedded one.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from litz.errors import FormatError
from litz.hub.cache import read_json, write_json
from litz.hub.known import DEFAULT_MODEL
from litz.hub.locations import litz_home

VARIABLE = "LITZ_MODEL"
COMMAND = "litz default"
EMBEDDED = "embedded default"
NAMED = "named"


@dataclass(frozen=True)
class Chosen:
    """A model's name and what chose it: NAMED, VARIABLE, COMMAND or EMBEDDED."""

    source: str
    why: str


def chosen_model(named: str | None = None) -> Chosen:
    """The model to take; `named` is what the command line says. FormatError if the settings file is damaged."""
    if named is not None:
        return Chosen(named, NAMED)
    if os.environ.get(VARIABLE):
        return Chosen(os.environ[VARIABLE], VARIABLE)
    kept = configured_model()
    return Chosen(kept, COMMAND) if kept is not None else Chosen(DEFAULT_MODEL, EMBEDDED)


def settings_file() -> Path:
    """The file in which `litz default` stores the model."""
    return litz_home() / "settings.json"


def configured_model() -> str | None:
    """What `litz default` set; None if nothing, FormatError if its file is damaged."""
    path = settings_file()
    if not path.exists():
        return None
    model = (read_json(path) or {}).get("model")
    if not isinstance(model, str) or not model:
        raise FormatError(f'{path} is no settings file: expected {{"model": NAME}}; `litz default --unset` removes it')
    return model


def set_model(source: str) -> None:
    """Sets the model of command lines that name none."""
    from litz.hub.disk_errors import disk_error

    try:
        write_json(settings_file(), {"model": source}, mode=0o600)
    except OSError as error:
        raise disk_error(error, {"LITZ_HOME": litz_home()}) or error from error


def unset_model() -> bool:
    """Unsets it, so that the embedded default counts again; whether anything was set."""
    try:
        settings_file().unlink()
    except FileNotFoundError:
        return False
    return True
