"""The caches: the Hub's, read without huggingface_hub, and litz's own."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from litz.atomic_files import AtomicFile
from litz.errors import FormatError
from litz.hub.files import SIDE_FILES, WEIGHTS, Want, missing
from litz.hub.gguf_names import gguf_names
from litz.hub.locations import hub_cache, litz_home
from litz.hub.paths import check_name, snapshot_of
from litz.hub.sources import PACKAGE, REPOSITORY, HubSource, PackageSource, is_default, parse, parse_package

NOTE = ".litz.json"


@dataclass(frozen=True)
class CachedModel:
    """One model of a cache; `source` is what to give to `from_pretrained` or `remove`."""

    source: str
    path: Path
    bytes: int
    files: int
    complete: bool


def cached() -> list[CachedModel]:
    """Every model of litz's cache and of the Hub's; opens no socket."""
    return sorted([*_cached_packages(litz_home()), *_cached_repositories(hub_cache())], key=lambda model: model.source)


def is_cached(known: str) -> bool:
    """Whether the model of a short name is on this machine, in the form that the name means."""
    home = litz_home()
    if is_default(known):
        folder = snapshot(hub_cache(), REPOSITORY)
        here = find_package(parse_package(PACKAGE), home) is not None
        return here or (folder is not None and not lacking(folder, "model", home=home))
    source = parse(known)
    folder = snapshot(hub_cache(), source.repo) if isinstance(source, HubSource) else None
    return (
        folder is not None
        and isinstance(source, HubSource)
        and not lacking(folder, "model", home=home, file=source.file)
    )


def repositories_named(name: str) -> list[str]:
    """The cached repositories of the Hub whose name without the owner is `name`, in upper or lower case."""
    found = (folder.name.split("--")[1:] for folder in hub_cache().glob("models--*"))
    return sorted("/".join(parts) for parts in found if parts and parts[-1].lower() == name.lower())


def repository_folder(repo: str) -> str:
    """`owner/name` -> `models--owner--name`."""
    return "--".join(["models", *repo.split("/")])


def snapshot(cache: Path, repo: str, *, revision: str | None = None) -> Path | None:
    """The folder of a revision (branch, tag or commit) in the Hub's cache, complete or not; None if there is none."""
    folder = cache / repository_folder(repo)
    name = revision or "main"
    try:
        commit = (folder / "refs" / check_name(name)).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        commit = name
    path = folder / "snapshots" / check_name(commit)
    return path if path.is_dir() else None


def lacking(folder: Path, want: Want, *, home: Path, file: str | None = None) -> list[str]:
    """The files that a snapshot lacks to be used for `want`; empty if it has all of them, whatever else is unfinished.

    `folder` is the snapshot or a subfolder of it. A download that litz finished left a note naming all files with their
    sizes: then those count, except weights that `want` does not need.
    """
    if file is not None:
        return [] if (folder / check_name(file)).is_file() else [file]
    if not folder.is_dir():
        return [folder.name]
    noted = read_snapshot_note(folder, want, home=home)
    if noted is not None:
        needed = {name: size for name, size in noted.items() if want == "model" or name in SIDE_FILES}
        return [name for name, size in needed.items() if _size(folder / name) != size]
    absent = missing(folder, want)
    if absent and len(gguf_names([entry.name for entry in folder.iterdir() if entry.is_file()])) == 1:
        absent = []
    return absent or _dangling(folder, _read_for(folder, want))


def maybe_incomplete(folder: Path, want: Want, *, home: Path) -> list[str]:
    """Why the repository may hold more than this usable snapshot does: worth a request while there is a network.

    A download may have been of one file alone, or interrupted; huggingface_hub lists absent files in .no_exist.
    """
    if read_snapshot_note(folder, want, home=home) is not None:
        return []
    whole = snapshot_of(folder) or folder
    requested = ["tokenizer_config.json"] if want == "tokenizer" else []
    marks = whole.parent.parent / ".no_exist" / whole.name / os.path.relpath(folder, whole)
    doubtful = [name for name in requested if not (folder / name).is_file() and not (marks / name).exists()]
    return (
        missing(folder, want) or doubtful or _dangling(folder, SIDE_FILES) or _unfinished(whole.parent.parent / "blobs")
    )


def _read_for(folder: Path, want: Want) -> tuple[str, ...]:
    """The files that are read for `want` where they are there."""
    if want == "tokenizer":
        other: tuple[str, ...] = ("generation_config.json", "preprocessor_config.json", "processor_config.json")
        if (folder / "tokenizer.json").is_file():
            other += tuple(
                name for name in SIDE_FILES if not name.endswith((".json", ".jinja")) or name == "vocab.json"
            )
        return tuple(name for name in SIDE_FILES if name not in other)
    return ("config.json", "generation_config.json", WEIGHTS) if want == "model" else ("config.json",)


def _dangling(folder: Path, names: tuple[str, ...]) -> list[str]:
    """Which of these are links to nowhere: the repository has them, and they were removed from this machine."""
    return [name for name in names if (folder / name).is_symlink() and not (folder / name).exists()]


def _unfinished(blobs: Path) -> list[str]:
    partial = [path.name for path in blobs.glob("*.incomplete")] if blobs.is_dir() else []
    return [name for name in partial if not (blobs / name.split(".")[0]).exists()]


def note_of_snapshot(folder: Path, home: Path) -> Path:
    """The note that litz writes when it completed this snapshot, or this subfolder of one."""
    whole = snapshot_of(folder) or folder
    place = home / "hub" / whole.parent.parent.name
    return place / f"{whole.name}{NOTE}" if whole == folder else place / whole.name / folder.relative_to(whole) / NOTE


def read_snapshot_note(folder: Path, want: Want, *, home: Path) -> dict[str, int] | None:
    """The files and sizes of a finished download, if it was one for `want` or for more."""
    note = read_json(note_of_snapshot(folder, home))
    if note is None or (want == "model" and note.get("want") != "model"):
        return None
    files = note.get("files")
    return {str(check_name(name)): int(size) for name, size in files.items()} if isinstance(files, dict) else None


def read_json(path: Path) -> dict[str, object] | None:
    """A JSON object; None if the file is absent or holds something else."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path: Path, value: dict[str, object], *, mode: int = 0o666) -> None:
    """Writes a JSON object atomically, and makes its folder if need be. `mode` is narrowed by the umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with AtomicFile(path, mode) as file:
        file.write((json.dumps(value, indent=1) + "\n").encode())


def package_folder(source: PackageSource, home: Path) -> Path:
    """The folder that holds the files of the wheel, as in its root."""
    return home / "pypi" / f"{source.package}=={source.version}"


def package_note(source: PackageSource, home: Path) -> Path:
    """The note that is written last."""
    return package_folder(source, home) / f"{source.member}{NOTE}"


def find_package(source: PackageSource, home: Path) -> Path | None:
    """The file or folder of a wheel, if all of it is there and it has the sha256 that `source` pins."""
    files = noted_files(package_note(source, home))
    root = package_folder(source, home)
    if not files or any(_size(root / name) != size for name, (size, _) in files.items()):
        return None
    if source.sha256 is not None and [sha256 for _, sha256 in files.values()] != [source.sha256]:
        return None
    return root / source.member


def noted_files(note: Path) -> dict[str, tuple[int, str]]:
    """{path in the wheel: (bytes, sha256)}; empty if there is no note."""
    content = (read_json(note) or {}).get("files")
    if not isinstance(content, dict):
        return {}
    try:
        return {str(check_name(name)): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in content.items()}
    except (FormatError, TypeError, KeyError, ValueError):
        return {}


def _cached_packages(home: Path) -> Iterator[CachedModel]:
    for root in sorted((home / "pypi").glob("*==*")):
        for note in sorted(root.rglob(f"*{NOTE}")):
            member = note.relative_to(root).as_posix().removesuffix(NOTE)
            sizes = [(_size(root / name), expected) for name, (expected, _) in noted_files(note).items()]
            whole = bool(sizes) and all(found == expected for found, expected in sizes)
            total = sum(found or 0 for found, _ in sizes)
            yield CachedModel(f"pypi:{root.name}/{member}", root / member, total, len(sizes), whole)


def _cached_repositories(cache: Path) -> Iterator[CachedModel]:
    for folder in sorted(cache.glob("models--*")):
        repo = "/".join(folder.name.split("--")[1:])
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repo):
            continue
        path = snapshot(cache, repo) or next(iter(sorted(folder.glob("snapshots/*"))), folder)
        names = [entry for entry in path.rglob("*") if entry.is_file()] if path != folder else []
        ggufs = gguf_names([entry.name for entry in names])
        whole = path != folder and (bool(ggufs) or not _lacking_or_broken(path))
        yield CachedModel(repo, path, tree_size(folder), len(names), whole)


def _lacking_or_broken(path: Path) -> bool:
    try:
        return bool(lacking(path, "model", home=litz_home()))
    except (FormatError, OSError):
        return True


def tree_size(folder: Path) -> int:
    """The bytes of a folder's files, not counting links."""
    files = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in files if not path.is_symlink())


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
