"""Finding a model's generation configuration: in a folder that may hold nothing else, or where models come from."""

import os
from pathlib import Path

from litz.errors import ModelNotFoundError
from litz.generation.config import GenerationConfig
from litz.hub.paths import resolve_in


def read_pretrained(
    source: str | os.PathLike[str],
    file_name: str,
    *,
    revision: str | None,
    cache_dir: str | os.PathLike[str] | None,
    local_files_only: bool,
    token: str | bool | None,
) -> GenerationConfig:
    """The configuration in the file of that name; ModelNotFoundError if there is none."""
    if Path(source).is_dir():
        path = resolve_in(Path(source), file_name)
        if not path.is_file():
            raise ModelNotFoundError(f"{source} has no {file_name}")
        return GenerationConfig.from_file(path)
    from litz import hub

    files = hub.resolve(
        source,
        revision=revision,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        token=token,
        want="config",
    )
    found = files.find(file_name)
    if found is None:
        raise ModelNotFoundError(f"{files.source} has no {file_name} in {files.root}")
    return GenerationConfig.from_file(found)
