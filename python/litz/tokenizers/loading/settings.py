"""The settings of a tokenizer from the files beside its vocabulary, each checked once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litz import _core
from litz.errors import FormatError
from litz.hub import ModelFiles
from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.defaults import UNLIMITED, Defaults, Settings, is_unlimited
from litz.tokenizers.loading import class_keys, model_files, named_tokens
from litz.tokenizers.loading.side_files import CONFIG, FILE, LISTED, SideKeys, read_object


def from_files(
    files: ModelFiles, keys: SideKeys, *, config: Mapping[str, Any]
) -> tuple[Settings, tuple[AddedToken, ...]]:
    """The settings that the keys have, with the chat templates beside them; special tokens to add to the vocabulary."""
    named = named_tokens.read(keys)
    template = _chat_template(files, keys)
    flags = (
        "clean_up_tokenization_spaces", "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
        "split_special_tokens",
    )  # fmt: skip
    defaults = Defaults(
        tokens=named.tokens,
        additional=named.additional,
        padding_side=keys.side("padding_side") or "right",
        truncation_side=keys.side("truncation_side") or "right",
        model_max_length=_limit(files, keys),
        model_input_names=tuple(keys.texts("model_input_names") or Defaults.model_input_names),
        **{name: bool(keys.flag(name)) for name in flags},
    )
    return Settings(defaults, template, config), named.added


def merged(
    files: ModelFiles, passed: Mapping[str, Any], core: _core.Tokenizer | None
) -> tuple[SideKeys, dict[str, Any]]:
    """The keys of the side files and of the caller, the caller last; and tokenizer_config.json as it was.

    special_tokens_map.json counts where tokenizer_config.json lists no added tokens, and then comes before it. Where
    a key is in none of them, the padding and truncation of tokenizer.json (`core`) count, then the class's defaults.
    """
    config = read_object(files, CONFIG)
    keys = SideKeys(config, where=CONFIG)
    for key, value in passed.items():
        keys.put(key, value, "")
    named_tokens.unite_lists(keys)
    listed = read_object(files, LISTED)
    if "added_tokens_decoder" not in keys:
        named_tokens.merge(keys, listed)
    else:
        named_tokens.report_unread(keys, listed)
    stages = {} if core is None else json.loads(core.stages())
    family = class_keys.family(keys, files, stages)
    class_keys.put_tokens(keys, family, core)
    for key, value in model_files.padding_and_truncation(stages).items():
        if key not in keys:
            keys.put(key, value, FILE)
    class_keys.put_settings(keys, family)
    return keys, config


def _chat_template(files: ModelFiles, keys: SideKeys) -> str | dict[str, str] | None:
    """A template that a caller passed, one in its own file, or else the one in the configuration."""
    templates = _named_templates(keys)
    if keys.passed("chat_template"):
        return templates.get("default") if set(templates) <= {"default"} else templates
    legacy = read_object(files, "chat_template.json").get("chat_template")
    if isinstance(legacy, str):
        templates.setdefault("default", legacy)
    path = files.find("chat_template.jinja")
    if path is not None:
        templates["default"] = _read(path)
    folder = files.root / "additional_chat_templates"
    for entry in sorted(folder.glob("*.jinja")) if folder.is_dir() else ():
        inside = files.find(f"additional_chat_templates/{entry.name}")
        if inside is not None:
            templates[entry.stem] = _read(inside)
    if list(templates) == ["default"]:
        return templates["default"]
    return templates or None


def _named_templates(keys: SideKeys) -> dict[str, str]:
    value = keys.get("chat_template")
    if value is None:
        return {}
    if isinstance(value, str):
        return {"default": value}
    expected = "a text, or a list of objects with name and template"
    try:
        pairs = value.items() if isinstance(value, Mapping) else [(entry["name"], entry["template"]) for entry in value]
        named = dict(pairs)
    except (TypeError, KeyError) as error:
        raise keys.wrong("chat_template", expected) from error
    if not all(isinstance(item, str) for pair in named.items() for item in pair):
        raise keys.wrong("chat_template", f"{expected}, all of them text")
    return named


def _read(path: Path) -> str:
    try:
        # Newlines are kept as they are: they are part of what the template renders.
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8: {error}") from error


def _limit(files: ModelFiles, keys: SideKeys) -> int:
    """The longest input: of the tokenizer, or else of the model beside it."""
    older = keys.get("max_len")
    key = "model_max_length" if "model_max_length" in keys or older is None else "max_len"
    limit = keys.get(key)
    if limit is not None:
        whole = isinstance(limit, int | float) and not isinstance(limit, bool) and 1 <= limit < float("inf")
        if not whole or limit != int(limit):
            raise keys.wrong(key, "a whole number from 1, or null where there is no limit")
        if not is_unlimited(limit):
            return int(limit)
    model = read_object(files, "config.json")
    text = model.get("text_config")
    positions = (text if isinstance(text, dict) else model).get("max_position_embeddings")
    known = isinstance(positions, int) and not isinstance(positions, bool) and positions > 0
    return positions if known else UNLIMITED  # type: ignore[return-value]
