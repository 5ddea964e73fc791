"""From a model's files to its tokenizer."""

import json
import os

from litz import _core, hub
from litz.errors import ArgumentError
from litz.hub import ModelFiles
from litz.tokenizers import gguf_settings, vocabularies
from litz.tokenizers import settings as read
from litz.tokenizers.tokenizer import Tokenizer

Path = str | os.PathLike[str]


def from_pretrained(
    source: Path,
    *,
    revision: str | None = None,
    gguf_file: str | None = None,
    cache_dir: Path | None = None,
    local_files_only: bool = False,
    token: str | bool | None = None,
    use_fast: bool = True,
    trust_remote_code: bool = False,
    padding_side: str | None = None,
) -> Tokenizer:
    """The tokenizer of a model, from its tokenizer.json, its GGUF file or another vocabulary that is there.

    `trust_remote_code` is accepted and never acted on: files are data. `use_fast=False` is the tokenizer that is
    written in plain Python, to be read; its results are the same.
    """
    files = hub.resolve(
        source, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir, local_files_only=local_files_only,
        token=token, want="tokenizer",
    )  # fmt: skip
    tokenizer = _of_gguf(files) if files.gguf is not None else _of_files(files, cache_dir)
    if not use_fast:
        from litz.tokenizers.slow_core import SlowCore

        tokenizer._use(SlowCore(json.loads(tokenizer._core.to_json())))
    if padding_side is not None:
        if padding_side not in ("left", "right"):
            raise ArgumentError(f"padding_side is {padding_side!r}; expected 'left' or 'right'")
        tokenizer.padding_side = "left" if padding_side == "left" else "right"
    return tokenizer


def _of_gguf(files: ModelFiles) -> Tokenizer:
    assert files.gguf is not None
    file = _core.TensorFile(files.gguf)
    core = _core.Tokenizer.from_gguf(file)
    return Tokenizer(core, gguf_settings.from_gguf(file, core), name_or_path=files.source)


def _of_files(files: ModelFiles, cache_dir: Path | None) -> Tokenizer:
    settings = read.from_files(files)
    core = vocabularies.open_core(files, settings, cache_dir=cache_dir)
    # In BPE, spaces before punctuation are text and not an artefact.
    cleans = settings.clean_up and core.model_type() != "BPE"
    return Tokenizer(core, settings, name_or_path=files.source, cleans=cleans)
