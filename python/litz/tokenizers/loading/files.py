"""From a model's files to a tokenizer's backend and settings."""

import json
import os
from typing import Any

from litz import _core
from litz.hub import ModelFiles
from litz.tokenizers import end_tokens
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Settings
from litz.tokenizers.loading import building, gguf_settings, model_files, vocabularies
from litz.tokenizers.loading import settings as side

Path = str | os.PathLike[str]


def load(
    files: ModelFiles, passed: dict[str, Any], *, cache_dir: Path | None, use_fast: bool
) -> tuple[TokenizerBackend, Settings]:
    """A backend and its settings from a model's files; what a caller passed counts before them."""
    read = _of_files if files.gguf is None else _of_gguf
    core, settings = read(files, passed, cache_dir)
    backend = end_tokens.switched_as_passed(core, settings.defaults, passed)
    if use_fast:
        return backend, settings
    from litz.tokenizers.python_backend import PythonTokenizer

    return PythonTokenizer(json.loads(backend.to_json())), settings


def _of_gguf(files: ModelFiles, passed: dict[str, Any], cache_dir: Path | None) -> tuple[_core.Tokenizer, Settings]:
    assert files.gguf is not None
    core = vocabularies.open_whole("gguf", files.gguf, cache_dir=cache_dir)
    settings = gguf_settings.from_gguf(_core.TensorFile(files.gguf), core)
    return building.over(core, settings, passed) if passed else (core, settings)


def _of_files(files: ModelFiles, passed: dict[str, Any], cache_dir: Path | None) -> tuple[_core.Tokenizer, Settings]:
    kind, paths = model_files.found(files)
    if kind == "json":
        return building.complete(vocabularies.open_whole("json", paths[0], cache_dir=cache_dir), files, passed)
    keys, config = side.merged(files, passed, None)
    settings, added = side.from_files(files, keys, config=config)
    entries = vocabularies.entries(files, keys, settings.defaults, None)
    core = vocabularies.open_vocabulary(kind, paths, keys, settings.defaults, entries)
    keys.finish()
    return vocabularies.with_added(core, entries, added), settings
