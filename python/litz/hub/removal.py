"""Deletes cached models: a wheel's file, a repository with all its revisions, or one GGUF file of one."""

from pathlib import Path

from litz.errors import ModelNotFoundError
from litz.hub.cache import noted_files, package_folder, package_note, repository_folder, tree_size
from litz.hub.gguf_names import gguf_paths, quantised
from litz.hub.locations import hub_cache, litz_home
from litz.hub.sources import PACKAGE, HubSource, PackageSource, PathSource, is_default, parse


def remove(source: str) -> int:
    """Delete a cached model; the number of bytes that this freed.

    A repository goes with all its revisions. Where `source` names one GGUF file of it (a short name does), the other
    GGUF files stay. ModelNotFoundError if it is not cached.
    """
    parsed = parse(PACKAGE if is_default(source) else source)
    if isinstance(parsed, PathSource):
        raise ModelNotFoundError(f"{source} is a file or folder of yours, not a cached model; see `litz ls`")
    if isinstance(parsed, PackageSource):
        return _remove_package(parsed, called=source)
    folder = hub_cache() / repository_folder(parsed.repo)
    if not folder.is_dir():
        raise ModelNotFoundError(f"{source} is not cached in {hub_cache()}; see `litz ls`")
    if parsed.file is not None or parsed.quantisation is not None:
        return _remove_file(parsed, folder)
    return _remove_folder(folder)


def _remove_folder(folder: Path) -> int:
    import shutil

    freed = tree_size(folder)
    shutil.rmtree(folder)
    return freed


def _remove_file(source: HubSource, folder: Path) -> int:
    snapshots = [snapshot for snapshot in folder.glob("snapshots/*") if snapshot.is_dir()]
    here = sorted({name for snapshot in snapshots for name in gguf_paths(snapshot)})
    gone = [source.file] if source.file in here else quantised(here, source.quantisation) if source.quantisation else []
    if not gone:
        there = ", ".join(here) or "no GGUF file"
        raise ModelNotFoundError(f"{source} is not cached in {hub_cache()}: of {source.repo} there is {there}")
    if gone == here:
        return _remove_folder(folder)
    before = tree_size(folder)
    links = [snapshot / str(name) for snapshot in snapshots for name in gone]
    blobs = {link.resolve() for link in links if link.is_symlink() and link.exists()}
    for link in links:
        link.unlink(missing_ok=True)
    still = {link.resolve() for link in folder.glob("snapshots/**/*") if link.is_symlink()}
    for blob in blobs - still:
        if folder.resolve() in blob.parents:
            blob.unlink()
    return before - tree_size(folder)


def _remove_package(source: PackageSource, *, called: str) -> int:
    note = package_note(source, litz_home())
    files = noted_files(note)
    if not files:
        raise ModelNotFoundError(f"{called} is not cached in {litz_home()}; see `litz ls`")
    root = package_folder(source, litz_home())
    note.unlink()  # first: without the note the folder counts as incomplete
    freed = sum((root / name).stat().st_size if (root / name).exists() else 0 for name in files)
    for name in files:
        (root / name).unlink(missing_ok=True)
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    if not any(root.iterdir()):
        root.rmdir()
    return freed
