"""`litz env`: the facts for a bug report, without secrets."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator

_SHOWN = (
    "LITZ_HOME", "LITZ_MODEL", "LITZ_OFFLINE", "LITZ_NUM_THREADS", "LITZ_CPU", "LITZ_LOG", "HF_HOME", "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
    "HF_HUB_DISABLE_PROGRESS_BARS", "NO_COLOR",
)  # fmt: skip
_ADDRESSES = ("HF_ENDPOINT", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "HTTPS_PROXY", "https_proxy")
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def configure(_: argparse.ArgumentParser) -> None:
    """There are no arguments."""


def run(_: argparse.Namespace) -> int:
    """One line a fact."""
    for name, text in [*_versions(), *_machine(), *_places(), *_settings()]:
        print(f"{name:<18}{text}")
    return 0


def _versions() -> Iterator[tuple[str, str]]:
    from importlib import metadata

    from litz import __version__

    yield "litz", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    for package in ("numpy", "huggingface_hub", "torch"):
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            yield package, "not installed"


def _machine() -> Iterator[tuple[str, str]]:
    from litz import _core
    from litz.hub.progress import size

    yield "cpu", cpu_name()
    yield "instructions", _core.instructions() + f" ({_why_these_instructions()})"
    why = "LITZ_NUM_THREADS" if os.environ.get("LITZ_NUM_THREADS") else "physical cores that this process may use"
    yield "threads", f"{_core.available_threads()} ({why}; {os.cpu_count()} logical processors)"
    available = _core.available_memory()
    yield "memory", "unknown" if available is None else f"{size(available[0])} available ({available[1]})"


def _why_these_instructions() -> str:
    """What chose the kernels' form, and what else this CPU could run."""
    from litz import _core

    others = ", ".join(name for name in _core.available_instructions() if name != _core.instructions())
    chosen = "set by LITZ_CPU" if os.environ.get("LITZ_CPU") else "the widest that this CPU has"
    return f"{chosen}; LITZ_CPU may name {others}" if others else chosen


def _places() -> Iterator[tuple[str, str]]:
    from litz.cli.default import described
    from litz.errors import FormatError
    from litz.hub.locations import endpoint, hub_cache, litz_home, offline_because
    from litz.hub.pip import find_installer

    try:
        yield "default model", described()
    except FormatError as error:
        yield "default model", str(error)
    yield "litz's cache", str(litz_home())
    yield "Hub's cache", str(hub_cache())
    yield "Hub", f"{without_password(endpoint())}{' (offline)' if offline_because() else ''}"
    try:
        yield "package index by", " ".join(find_installer().command)
    except ImportError as error:
        yield "package index by", str(error)


def _settings() -> Iterator[tuple[str, str]]:
    yield from ((name, os.environ[name]) for name in _SHOWN if name in os.environ)
    yield from ((name, without_password(os.environ[name])) for name in _ADDRESSES if name in os.environ)
    yield from ((name, "(set)") for name in _SECRETS if os.environ.get(name))


def without_password(url: str) -> str:
    """An address without the user, password and query that it may hold."""
    scheme, found, rest = url.partition("://")
    if not found:
        return url.rpartition("@")[2].partition("?")[0]
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def cpu_name() -> str:
    """As the system calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
