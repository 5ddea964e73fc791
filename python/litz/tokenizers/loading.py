"""From a model's files to its tokenizer."""

import json
import os
import time
from typing import TYPE_CHECKING, Any, Unpack

from litz import _core, hub, log
from litz.arguments import names_of
from litz.arguments.mistaken import check_source
from litz.hub import ModelFiles
from litz.hub.where import split, with_where_signature
from litz.tokenizers import building, gguf_settings, model_files, vocabularies
from litz.tokenizers import settings as read
from litz.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from litz.arguments.keywords import TokenizerOptions

Path = str | os.PathLike[str]


@with_where_signature
def from_pretrained(
    source: Path, *, use_fast: bool = True, kind: type[Tokenizer] = Tokenizer, **options: "Unpack[TokenizerOptions]"
) -> Tokenizer:
    """The tokenizer of a model, from its tokenizer.json, its GGUF file or another vocabulary that is there.

    `options` say where the model is, as in `hub.where.Where`, or are keys of tokenizer_config.json, such as
    `pad_token`, `padding_side`, `model_max_length`, `extra_special_tokens`, `add_eos_token` or `legacy`: they count
    before the files. A token that the vocabulary lacks is added to it. `use_fast=False` is the tokenizer that is
    written in plain Python, to be read; its results are the same.
    """
    check_source(source, f"{kind.__name__}.from_pretrained")
    where, settings = split(options)
    passed = building.allowed(settings, names_of(from_pretrained))
    if kind.reads_as is not None:
        passed["tokenizer_class"] = kind.reads_as
    files, cache_dir = hub.resolve(source, want="tokenizer", **where), where.get("cache_dir")
    started = time.perf_counter()
    core, found = _of_gguf(files, passed, cache_dir) if files.gguf is not None else _of_files(files, passed, cache_dir)
    name = str(passed.get("name_or_path", files.source))
    tokenizer = kind.of(core, found, name_or_path=name)
    building.surround(tokenizer, passed)
    if not use_fast:
        from litz.tokenizers.slow_core import SlowCore

        tokenizer._use(SlowCore(json.loads(tokenizer._core.to_json())))
    seconds = time.perf_counter() - started
    log.info("tokenizers", "%s in %.2f s from %s", tokenizer, seconds, files.gguf or files.root)
    return tokenizer


def _of_gguf(files: ModelFiles, passed: dict[str, Any], cache_dir: Path | None) -> tuple[Any, read.Settings]:
    assert files.gguf is not None
    core = vocabularies.open_whole("gguf", files.gguf, cache_dir=cache_dir)
    settings = gguf_settings.from_gguf(_core.TensorFile(files.gguf), core)
    return building.over(core, settings, passed) if passed else (core, settings)


def _of_files(files: ModelFiles, passed: dict[str, Any], cache_dir: Path | None) -> tuple[Any, read.Settings]:
    kind, paths = model_files.found(files)
    if kind == "json":
        return building.complete(vocabularies.open_whole("json", paths[0], cache_dir=cache_dir), files, passed)
    keys, config = read.merged(files, passed, None)
    settings = read.from_files(files, keys, config=config)
    entries = vocabularies.entries(files, keys, settings, None)
    core = vocabularies.open_vocabulary(kind, paths, keys, settings, entries)
    keys.finish()
    return vocabularies.with_added(core, entries, settings), settings
