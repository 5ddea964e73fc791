"""The configuration to load with: the files' own, or the caller's, with the keys that the caller changes."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from litz import hub
from litz.arguments import Known, check_arguments
from litz.arguments.mistaken import described
from litz.arguments.transformers import LOADING
from litz.checkpoint import read_config, with_defaults
from litz.config import Config
from litz.errors import ArgumentError
from litz.hub import ModelFiles
from litz.numbers import shown


def chosen_config(files: ModelFiles, given: Any, *, others: Mapping[str, Any], own: Sequence[str]) -> Config:
    """The configuration to load with: `given` or the files' own, changed by the `others` that are keys of it."""
    return changed(read_config(files) if given is None else _read(given), others, known=LOADING, own=own)


def changed(
    config: Config, others: Mapping[str, Any], *, known: Mapping[str, Known], own: Sequence[str] = ()
) -> Config:
    """The configuration with other values; names that are no keys of it are `known` and neutral, or raise.

    `own` are the names of the caller's other arguments, which a misspelt one may be meant to be.
    """
    keys = {name: value for name, value in others.items() if name not in known and config.knows(name)}
    rest = {name: value for name, value in others.items() if name not in keys}
    check_arguments(rest, known, of="from_pretrained", others=[*own, *config])
    if "model_type" in keys and keys["model_type"] != config["model_type"]:
        raise ArgumentError(f"model_type={shown(keys['model_type'])}: the files are of a {config['model_type']} model")
    return config.changed(keys) if keys else config


def _read(given: Any) -> Config:
    if isinstance(given, Config):
        return given
    if isinstance(given, (str, os.PathLike)):
        return read_config(hub.resolve(given, want="config"))
    values = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(values, Mapping):
        raise ArgumentError(f"config must be a configuration, or the name of a model, found {described(given)}")
    return with_defaults(values, name="config")
