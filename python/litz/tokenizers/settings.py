"""What a model's side files say about its tokenizer, read and checked once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from litz.errors import ConfigError, FormatError
from litz.hub import ModelFiles

NAMED = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
# What a tokenizer without a limit of its own says; the number is the one that programs know.
UNLIMITED = int(1e30)
Side = Literal["left", "right"]


@dataclass(frozen=True)
class Settings:
    """Everything about a tokenizer besides its vocabulary."""

    tokens: Mapping[str, str] = field(default_factory=dict)  # "bos" -> "<s>"
    additional: tuple[str, ...] = ()
    chat_template: str | dict[str, str] | None = None
    padding_side: Side = "right"
    truncation_side: Side = "right"
    model_max_length: int = UNLIMITED
    clean_up: bool = False
    type_ids: bool = False  # whether the model wants token_type_ids
    config: Mapping[str, Any] = field(default_factory=dict)  # tokenizer_config.json as it was


def from_files(files: ModelFiles) -> Settings:
    """The settings in tokenizer_config.json and the files around it; those that contradict it are ConfigError."""
    config = _json(files, "tokenizer_config.json")
    tokens, additional = special_tokens(config, _json(files, "special_tokens_map.json"))
    return Settings(
        tokens=tokens,
        additional=additional,
        chat_template=_chat_template(files, config),
        padding_side=side(config.get("padding_side") or "right", "padding_side"),
        truncation_side=side(config.get("truncation_side") or "right", "truncation_side"),
        model_max_length=_limit(files, config),
        clean_up=bool(config.get("clean_up_tokenization_spaces", False)),
        type_ids="token_type_ids" in (config.get("model_input_names") or ()),
        config=config,
    )


def side(value: Any, name: str) -> Side:
    """The value, if it is a side."""
    if value == "left":
        return "left"
    if value == "right":
        return "right"
    raise ConfigError(f"{name} is {value!r}; expected 'left' or 'right'")


def _json(files: ModelFiles, name: str) -> dict[str, Any]:
    path = files.find(name)
    if path is None:
        return {}
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path} holds a {type(content).__name__}; expected an object")
    return content


def _text(token: Any, where: str) -> str | None:
    """A token as text: it is written as a string or as an object with `content`."""
    if isinstance(token, Mapping):
        token = token.get("content")
    if token is not None and not isinstance(token, str):
        raise ConfigError(f"{where} is {token!r}; expected a token")
    return token


def special_tokens(config: Mapping[str, Any], listed: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The named tokens and the additional ones of tokenizer_config.json and special_tokens_map.json."""
    tokens = {}
    for name in NAMED:
        key = f"{name}_token"
        found = [_text(source[key], key) for source in (config, listed) if source.get(key) is not None]
        if len(set(found)) > 1:
            raise ConfigError(
                f"{key} is {found[0]!r} in tokenizer_config.json and {found[1]!r} in special_tokens_map.json; "
                "make them agree"
            )
        if found and found[0] is not None:
            tokens[name] = found[0]
    more: list[str] = []
    for source in (config, listed):
        for key in ("additional_special_tokens", "extra_special_tokens"):
            entries = source.get(key) or ()
            for entry in entries.values() if isinstance(entries, Mapping) else entries:
                text = _text(entry, key)
                if text is not None and text not in more:
                    more.append(text)
    return tokens, tuple(more)


def _chat_template(files: ModelFiles, config: Mapping[str, Any]) -> str | dict[str, str] | None:
    """A template in its own file comes before one in the configuration."""
    templates = _named_templates(config.get("chat_template"))
    legacy = _json(files, "chat_template.json").get("chat_template")
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


def _named_templates(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"default": value}
    try:
        pairs = value.items() if isinstance(value, Mapping) else [(entry["name"], entry["template"]) for entry in value]
        named = dict(pairs)
    except (TypeError, KeyError) as error:
        raise ConfigError("chat_template must be a text, or a list of objects with name and template") from error
    if not all(isinstance(item, str) for pair in named.items() for item in pair):
        raise ConfigError("chat_template: names and templates must be text")
    return named


def _read(path: Path) -> str:
    try:
        # Newlines are the template's business: what they were decides what it renders.
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8: {error}") from error


def _limit(files: ModelFiles, config: Mapping[str, Any]) -> int:
    """The longest input: of the tokenizer, or else of the model beside it."""
    limit = config.get("model_max_length")
    if isinstance(limit, int | float) and 0 < limit < 1e9:
        return int(limit)
    model = _json(files, "config.json")
    text = model.get("text_config")
    positions = (text if isinstance(text, dict) else model).get("max_position_embeddings")
    return positions if isinstance(positions, int) and positions > 0 else UNLIMITED
