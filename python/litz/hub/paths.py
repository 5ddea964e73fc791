"""The one rule for a file name that came from a file: it must stay inside the folder it belongs to."""

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
    """The path of `name` under `root`, which may not exist; a symbolic link may not lead out of `root`.

    The Hub's cache links from snapshots/COMMIT to its own blobs folder: that one target outside is allowed.
    """
    path = root / check_name(name)
    if not path.exists():  # a dangling link is as good as none
        return path
    target = os.path.realpath(path)
    for allowed in _allowed_roots(root):
        if os.path.commonpath([target, allowed]) == allowed:
            return path
    raise FormatError(
        f"{name!r} in {root} is a symbolic link to {target}, outside of the model's folder: refused; "
        "copy the file into the folder, or name the folder that it is in"
    )


def _allowed_roots(root: Path) -> list[str]:
    allowed = [os.path.realpath(root)]
    repository = root.parent.parent
    if root.parent.name == "snapshots" and repository.name.startswith("models--"):
        allowed.append(os.path.realpath(repository / "blobs"))
    return allowed
