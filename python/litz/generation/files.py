"""Finding a model's generation configuration: in a folder that may hold nothing else, or where models come from."""

import os
from pathlib import Path
from typing import Unpack

from litz.errors import ModelNotFoundError
from litz.hub.paths import resolve_in
from litz.hub.where import WhereArguments


def find(source: str | os.PathLike[str], file_name: str, **where: Unpack[WhereArguments]) -> Path:
    """The path of the file of that name; ModelNotFoundError if there is none."""
    if Path(source).is_dir() and where.get("gguf_file") is None:
        path = resolve_in(Path(source), f"{where.get('subfolder') or '.'}/{file_name}")
        if not path.is_file():
            raise ModelNotFoundError(f"{source} has no {file_name}")
        return path
    from litz import hub

    files = hub.resolve(source, want="config", **where)
    found = files.find(file_name)
    if found is None:
        raise ModelNotFoundError(f"{files.source} has no {file_name} in {files.root}")
    return found
