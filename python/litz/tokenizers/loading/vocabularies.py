"""From the files of a vocabulary and the files beside them to a compiled tokenizer."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from litz import _core
from litz.errors import ConfigError
from litz.hub import ModelFiles
from litz.hub.locations import is_true, litz_home
from litz.numbers import shown
from litz.tokenizers.added_token import AddedToken, is_token
from litz.tokenizers.defaults import Defaults
from litz.tokenizers.loading.side_files import CONFIG, SideKeys, added_token, read_object
from litz.tokenizers.special_tokens import STANDARD

# What the files that are a bare vocabulary leave to the configuration.
_FLAGS = (
    "add_bos_token", "add_eos_token", "add_prefix_space", "do_lower_case", "tokenize_chinese_chars", "strip_accents",
    "legacy",
)  # fmt: skip
_TEXTS = ("tokenizer_class", "pat_str")


@dataclass(frozen=True)
class Entry:
    """A token that a side file adds, with the id that it gives it."""

    id: int
    token: AddedToken
    file: str


def open_whole(kind: str, path: Path, *, cache_dir: str | os.PathLike[str] | None) -> _core.Tokenizer:
    """The compiled tokenizer.json ("json") or GGUF file ("gguf"); what compiling a large one gives is kept."""
    cache = None if is_true(os.environ, "LITZ_NO_TOKENIZER_CACHE") else litz_home(cache_dir) / "tokenizers"
    return _core.open_tokenizer(kind, [path], cache=cache)


def open_vocabulary(
    kind: str, paths: list[Path], keys: SideKeys, defaults: Defaults, entries: list[Entry]
) -> _core.Tokenizer:
    """The compiled tokenizer of a bare vocabulary, with the stages of its class."""
    options: dict[str, Any] = {key: keys.flag(key) for key in _FLAGS} | {key: keys.text(key) for key in _TEXTS}
    options = {key: value for key, value in options.items() if value is not None}
    options |= {key: token for key, token in defaults.tokens.items() if key in STANDARD}
    # Where tokens follow the vocabulary one by one, their ids are checked when they are added.
    if kind not in ("vocab.json", "vocab.txt"):
        options["added_tokens"] = [{"id": entry.id, **asdict(entry.token)} for entry in entries]
    return _core.open_tokenizer(kind, paths, json.dumps(options))


def with_added(core: _core.Tokenizer, entries: list[Entry], added: Sequence[AddedToken]) -> _core.Tokenizer:
    """The tokenizer with the tokens that the side files add: listed ones by id, then named ones that are new.

    A token whose id differs from that of its file is ConfigError.
    """
    known = {content: tuple(flags) for _, content, *flags in core.added_tokens()}
    listed = [entry.token for entry in sorted(entries, key=lambda entry: entry.id)]
    there = {*known, *(token.content for token in listed)}
    wanted = [(t.content, *_flags(t)) for t in [*listed, *(t for t in added if t.content not in there)]]
    before = core
    if any(known.get(content) != tuple(flags) for content, *flags in wanted):
        core = core.with_tokens(wanted)[0]
    for entry in entries:
        if core.token_to_id(entry.token.content) != entry.id:
            raise _contradiction(entry, before, core)
    return core


def _flags(token: AddedToken) -> tuple[bool, bool, bool, bool, bool]:
    return token.special, token.lstrip, token.rstrip, token.single_word, bool(token.normalized)


def _contradiction(entry: Entry, before: _core.Tokenizer, after: _core.Tokenizer) -> ConfigError:
    content, id = entry.token.content, before.token_to_id(entry.token.content)
    there = f"has id {id}" if id is not None else "is not a token"
    new = "" if id is not None else f", and the next free id is {after.token_to_id(content)}"
    return ConfigError(
        f"{entry.file} gives the token {content!r} the id {entry.id}; in the vocabulary it {there}{new}: "
        "make them agree"
    )


def entries(files: ModelFiles, keys: SideKeys, defaults: Defaults, core: _core.Tokenizer | None) -> list[Entry]:
    """The tokens of added_tokens_decoder; where there is none, those of added_tokens.json."""
    if "added_tokens_decoder" in keys:
        return _listed(keys, list(defaults.tokens.values()))
    # The file's own entry for an id counts before that of added_tokens.json.
    own = {} if core is None else {id: content for id, content, *_ in core.added_tokens()}
    standard = {defaults.tokens[name] for name in STANDARD if name in defaults.tokens}
    special = {*standard, *defaults.additional}
    found = []
    for content, place in read_object(files, "added_tokens.json").items():
        if not is_token(content):
            raise ConfigError(f"added_tokens.json: a token is a text of at least one character, found {content!r:.60}")
        id = _id(place, f"added_tokens.json: the id of {content!r}")
        if own.get(id) != content:
            control = content in special or content in defaults.tokens.values()
            token = AddedToken(content, special=control, normalized=content not in special)
            found.append(Entry(id, token, "added_tokens.json"))
    return found


def _listed(keys: SideKeys, named: list[str]) -> list[Entry]:
    decoder = keys.get("added_tokens_decoder")
    if decoder is None:
        return []
    if not isinstance(decoder, Mapping):
        raise keys.wrong("added_tokens_decoder", "an object of ids and tokens")
    found = []
    for place, value in decoder.items():
        where = f"{CONFIG}: added_tokens_decoder"
        number = int(place) if isinstance(place, str) and place.isdecimal() and len(place) < 12 else place
        id = _id(number, f"{where}: the id of a token")
        if isinstance(value, Mapping):
            token = added_token(value, f"{where}[{place}]", special=value.get("content") in named)
        else:
            made = keys.token_of(value, "added_tokens_decoder")
            if isinstance(made, str):
                raise keys.wrong("added_tokens_decoder", "an object of ids and tokens with flags", found=value)
            token = made
        found.append(Entry(id, token, f"added_tokens_decoder in {CONFIG}"))
    return found


def _id(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise ConfigError(f"{where} must be a whole number below 2**32, found {shown(value)}")
    return value
