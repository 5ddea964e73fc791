"""From a model's files to its tokenizer."""

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from litz import _core, hub
from litz.arguments import names_of
from litz.hub import ModelFiles
from litz.tokenizers import end_tokens
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Settings
from litz.tokenizers.loading import building, gguf_settings, model_files, vocabularies
from litz.tokenizers.loading import settings as read

if TYPE_CHECKING:
    from litz.loading_options import TokenizerSettings

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Loaded:
    """What a tokenizer is made of."""

    backend: TokenizerBackend
    settings: Settings
    name: str  # of the model, as the caller or the files say it
    place: object  # the file or folder that was read
    seconds: float  # reading took


def load(
    source: Path,
    *,
    revision: str | None = None,
    gguf_file: str | None = None,
    cache_dir: Path | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    use_fast: bool = True,
    trust_remote_code: bool = False,
    subfolder: str | None = None,
    kind: str | None = None,
    **settings: "Unpack[TokenizerSettings]",
) -> Loaded:
    """A tokenizer from its tokenizer.json, its GGUF file or another vocabulary, read as one of the class `kind`."""
    passed = building.allowed(settings, names_of(load))
    if kind is not None:
        passed["tokenizer_class"] = kind
    files = hub.resolve(
        source, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir, local_files_only=local_files_only,
        token=token, want="tokenizer", subfolder=subfolder,
    )  # fmt: skip
    started = time.perf_counter()
    core, found = _of_gguf(files, passed, cache_dir) if files.gguf is not None else _of_files(files, passed, cache_dir)
    backend = end_tokens.switched_as_passed(core, found.defaults, passed)
    if not use_fast:
        from litz.tokenizers.python_backend import PythonTokenizer

        backend = PythonTokenizer(json.loads(backend.to_json()))
    name = str(passed.get("name_or_path", files.source))
    return Loaded(backend, found, name, files.gguf or files.root, time.perf_counter() - started)


def _of_gguf(files: ModelFiles, passed: dict[str, Any], cache_dir: Path | None) -> tuple[_core.Tokenizer, Settings]:
    assert files.gguf is not None
    core = vocabularies.open_whole("gguf", files.gguf, cache_dir=cache_dir)
    settings = gguf_settings.from_gguf(_core.TensorFile(files.gguf), core)
    return building.over(core, settings, passed) if passed else (core, settings)


def _of_files(files: ModelFiles, passed: dict[str, Any], cache_dir: Path | None) -> tuple[_core.Tokenizer, Settings]:
    kind, paths = model_files.found(files)
    if kind == "json":
        return building.complete(vocabularies.open_whole("json", paths[0], cache_dir=cache_dir), files, passed)
    keys, config = read.merged(files, passed, None)
    settings, added = read.from_files(files, keys, config=config)
    entries = vocabularies.entries(files, keys, settings.defaults, None)
    core = vocabularies.open_vocabulary(kind, paths, keys, settings.defaults, entries)
    keys.finish()
    return vocabularies.with_added(core, entries, added), settings
