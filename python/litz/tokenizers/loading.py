"""From a model's files to its tokenizer."""

import json
import os
import re
from typing import Any

from litz import _core, hub
from litz.errors import ArgumentError, ConfigError, FormatError, UnsupportedError
from litz.hub import ModelFiles
from litz.tokenizers import settings as read
from litz.tokenizers.settings import Settings
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
    """The tokenizer of a model, from its tokenizer.json or its GGUF file.

    `trust_remote_code` is accepted and never acted on: files are data. `use_fast=False` is the tokenizer that is
    written in plain Python, to be read; its results are the same.
    """
    files = hub.resolve(
        source, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir, local_files_only=local_files_only,
        token=token, want="tokenizer",
    )  # fmt: skip
    tokenizer = _of_gguf(files) if files.gguf is not None else _of_json(files)
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
    return Tokenizer(core, read.from_gguf(file, core), name_or_path=files.source)


def _of_json(files: ModelFiles) -> Tokenizer:
    path = files.find("tokenizer.json")
    if path is None:
        raise UnsupportedError(
            f"{files.source} has no tokenizer.json, and litz reads no other tokenizer format yet; convert it once with "
            "transformers: AutoTokenizer.from_pretrained(...).save_pretrained(...)"
        )
    data = path.read_bytes()
    settings = read.from_files(files)
    core = _core.Tokenizer.from_json(data)
    missing = _listed(files, settings, core)
    if missing:
        data = _with_added(data, missing)
        core = _core.Tokenizer.from_json(data)
    cleans = settings.clean_up and not _is_bpe(data)
    return Tokenizer(core, settings, name_or_path=files.source, cleans=cleans, json=data)


def _listed(files: ModelFiles, settings: Settings, core: _core.Tokenizer) -> dict[int, dict[str, Any]]:
    """Tokens that the side files add and tokenizer.json lacks; those with another id there are ConfigError."""
    missing = {}
    for place, entry in _decoder(settings):
        known = core.token_to_id(entry["content"])
        if known is None and core.id_to_token(place) is None:
            missing[place] = entry
        elif known != place:
            _contradicts("tokenizer_config.json", entry["content"], place, known)
    for token, place in read._json(files, "added_tokens.json").items():
        known = core.token_to_id(token)
        if known != place and place not in missing:
            _contradicts("added_tokens.json", token, place, known)
    return missing


def _decoder(settings: Settings) -> list[tuple[int, dict[str, Any]]]:
    decoder = settings.config.get("added_tokens_decoder") or {}
    try:
        return [(int(place), {**entry, "content": str(entry["content"])}) for place, entry in decoder.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError("added_tokens_decoder in tokenizer_config.json must map ids to tokens") from error


def _contradicts(file: str, token: str, place: Any, known: int | None) -> None:
    there = "is not a token" if known is None else f"has id {known}"
    raise ConfigError(f"{file} gives the token {token!r} the id {place}; in tokenizer.json it {there}: make them agree")


def _with_added(data: bytes, missing: dict[int, dict[str, Any]]) -> bytes:
    content = json.loads(data)
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    for place, entry in sorted(missing.items()):
        added = {"id": place, "content": entry["content"], **{flag: bool(entry.get(flag, False)) for flag in flags}}
        content.setdefault("added_tokens", []).append(added)
    return json.dumps(content, ensure_ascii=False).encode()


def _is_bpe(data: bytes) -> bool:
    """Whether the model is BPE, whose spaces before punctuation are text and not an artefact."""
    found = re.search(rb'"model"\s*:\s*\{\s*"type"\s*:\s*"(\w+)"', data)
    return found is None or found[1] == b"BPE"
