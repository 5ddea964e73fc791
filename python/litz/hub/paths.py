"""The check of untrusted file names: none may leave its folder."""

import os
import re
from pathlib import Path, PurePosixPath

from litz.errors import FormatError


def check_name(name: str) -> PurePosixPath:
    """`name` as a relative path with forward slashes; anything that could leave a folder on any system is refused."""
    path = PurePosixPath(name)
    reason = None
    if not path.parts or "\0" in name:
        reason = "is no file name"
    elif path.is_absolute() or "\\" in name:
        reason = "must be relative, with forward slashes"
    elif re.match(r"[A-Za-z]:", name) or any(":" in part for part in path.parts):
        reason = "must not name a drive or a stream"
    elif ".." in path.parts:
        reason = "must not climb with '..'"
    if reason:
        raise FormatError(f"file name {name!r} {reason}: refused, because it could lead out of the model's folder")
    return path


def resolve_in(root: Path, name: str) -> Path:
    """The path of `name` under `root`, which may not exist.

    Links in a folder of the user's own may point anywhere. Links in the Hub's cache may point from
    snapshots/COMMIT to the blobs folder of their own repository only; any other is FormatError.
    """
    path = root / check_name(name)
    if not path.exists():  # a dangling link counts as absent
        return path
    snapshot = snapshot_of(root)
    if snapshot is None:
        return path
    target = os.path.realpath(path)
    for allowed in (os.path.realpath(snapshot), os.path.realpath(snapshot.parent.parent / "blobs")):
        if os.path.commonpath([target, allowed]) == allowed:
            return path
    raise FormatError(
        f"{name!r} in {root} is a symbolic link to {target}, outside of the repository's cache: refused; "
        "fetch the model anew, or copy the file into a folder of your own"
    )


def snapshot_of(root: Path) -> Path | None:
    """The folder snapshots/COMMIT of the Hub's cache that `root` is or lies in, by its own path or through a link."""
    for place in (Path(os.path.abspath(root)), Path(os.path.realpath(root))):
        for folder in (place, *place.parents):
            if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
                return folder
    return None
