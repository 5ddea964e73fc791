"""Which of a model's files describe its tokenizer, and what the files beside them say to it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from litz import _core
from litz.errors import ConfigError, FormatError, ModelNotFoundError
from litz.hub import ModelFiles
from litz.hub.locations import is_true, litz_home
from litz.tokenizers import settings as read
from litz.tokenizers.settings import Settings

# The first that is there describes the tokenizer.
KINDS = (
    ("json", ("tokenizer.json",)),
    ("tekken", ("tekken.json",)),
    ("model", ("tokenizer.model",)),
    ("model", ("spiece.model",)),
    ("model", ("sentencepiece.bpe.model",)),
    ("tiktoken", ("tiktoken.model",)),
    ("vocab.json", ("vocab.json", "merges.txt")),
    ("vocab.txt", ("vocab.txt",)),
    ("tiktoken", ("qwen.tiktoken",)),
    ("tiktoken", ("multilingual.tiktoken",)),
    ("tiktoken", ("gpt2.tiktoken",)),
)
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
PASSED = (
    "tokenizer_class", "add_bos_token", "add_eos_token", "add_prefix_space", "do_lower_case", "tokenize_chinese_chars",
    "strip_accents", "pat_str",
)  # fmt: skip


def open_core(files: ModelFiles, settings: Settings, *, cache_dir: str | os.PathLike[str] | None) -> _core.Tokenizer:
    """The compiled tokenizer of a folder; tokens that the side files add are in it."""
    kind, paths = _found(files)
    cache = None if is_true(os.environ, "LITZ_NO_TOKENIZER_CACHE") else litz_home(cache_dir) / "tokenizers"
    if kind == "json":
        core = _core.open_tokenizer(kind, paths, cache=cache)
        missing = _missing(files, settings, core)
        return _core.open_tokenizer(kind, paths, json.dumps({"added_tokens": missing}), cache) if missing else core
    if kind == "model":
        kind = _kind_of_model(paths[0])
    options = {key: settings.config[key] for key in PASSED if settings.config.get(key) is not None}
    options |= {f"{name}_token": token for name, token in settings.tokens.items()}
    options["added_tokens"] = [_bare(entry) for entry in _added(files, settings)]
    return _core.open_tokenizer(kind, paths, json.dumps(options))


def _found(files: ModelFiles) -> tuple[str, list[Path]]:
    for kind, names in KINDS:
        paths = [path for path in map(files.find, names) if path is not None]
        if len(paths) == len(names):
            return kind, paths
    looked = ", ".join(" with ".join(names) for _, names in KINDS)
    raise ModelNotFoundError(f"{files.source} has no tokenizer: looked for {looked}")


def _kind_of_model(path: Path) -> str:
    """Llama 3 named its tiktoken file as others name SentencePiece's: only one of them is text."""
    with path.open("rb") as file:
        start = file.read(64)
    return "tiktoken" if start.isascii() and b" " in start and b"\n" in start else "sentencepiece"


def _missing(files: ModelFiles, settings: Settings, core: _core.Tokenizer) -> list[dict[str, Any]]:
    """Tokens that the side files add and tokenizer.json lacks; those with another id there are ConfigError."""
    missing = []
    for entry in _added(files, settings):
        known = core.token_to_id(entry["content"])
        if known is None and core.id_to_token(entry["id"]) is None and entry["listed"]:
            missing.append(_bare(entry))
        elif known != entry["id"]:
            there = "is not a token" if known is None else f"has id {known}"
            file = "tokenizer_config.json" if entry["listed"] else "added_tokens.json"
            raise ConfigError(
                f"{file} gives the token {entry['content']!r} the id {entry['id']}; in tokenizer.json it {there}: "
                "make them agree"
            )
    return sorted(missing, key=lambda entry: int(entry["id"]))


def _added(files: ModelFiles, settings: Settings) -> Iterator[dict[str, Any]]:
    """The tokens of added_tokens_decoder, and those of added_tokens.json that are not there."""
    listed = set()
    decoder = settings.config.get("added_tokens_decoder") or {}
    try:
        for place, entry in decoder.items():
            listed.add(str(entry["content"]))
            yield _entry(int(place), entry, listed=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError("added_tokens_decoder in tokenizer_config.json must map ids to tokens") from error
    named = {*settings.tokens.values(), *settings.additional}
    for token, place in read._json(files, "added_tokens.json").items():
        if token in listed:
            continue
        if not isinstance(place, int):
            raise FormatError("added_tokens.json must map tokens to ids")
        special = token in named
        yield _entry(place, {"content": token, "special": special, "normalized": not special}, listed=False)


def _entry(place: int, entry: Mapping[str, Any], *, listed: bool) -> dict[str, Any]:
    if not 0 <= place < 1 << 32:
        raise FormatError(f"the id of an added token is {place}; expected a whole number below 2**32")
    flags = {flag: bool(entry.get(flag, False)) for flag in FLAGS}
    return {"id": place, "content": str(entry["content"]), **flags, "listed": listed}


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "listed"}
