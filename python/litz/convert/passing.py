"""A model as a temporary GGUF file."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from litz.convert.model import Description
from litz.errors import FileAccessError
from litz.hub.progress import size


@contextmanager
def written(made: Description, *, beside: Path, advance: Callable[[int], None]) -> Iterator[Path]:
    """The path of the model's file, next to another, deleted at the end. FileAccessError if there is no room for it."""
    path = beside.with_name(f".{beside.name}.{os.getpid()}.floats.gguf")
    needed, free = made.layout().size, shutil.disk_usage(beside.parent).free
    if free < needed:
        raise FileAccessError(f"{beside.parent} has {size(free)} free; the model as GGUF, which is quantised then and "
                              f"deleted, needs {size(needed)}")  # fmt: skip
    try:
        try:
            with path.open("wb") as out:
                made.write(out, advance=advance)
        except OSError as error:
            raise FileAccessError(f"{beside.parent} cannot hold the model as GGUF: {error.strerror}") from error
        yield path
    finally:
        path.unlink(missing_ok=True)
