"""Files that are there when they are whole; an error names them, never what they were written as before."""

import os
import threading
from pathlib import Path

from litz.errors import FileAccessError


def write_text(path: Path, text: str) -> None:
    """Writes a file, whose folder is made if need be: a reader sees it as it was or as it will be.

    Raises FileAccessError with the file and the system's reason.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileAccessError(f"cannot write {path}: {error.strerror or error}") from error
