"""The tokenizer's settings in a GGUF header: special tokens, chat templates, the limit."""

from collections.abc import Mapping
from typing import Any

from litz import _core
from litz.errors import ConfigError
from litz.gguf_ids import special_ids
from litz.numbers import integer, shown
from litz.tokenizers.defaults import UNLIMITED, Defaults, Settings
from litz.tokenizers.special_tokens import STANDARD

_TEMPLATE = "tokenizer.chat_template"


def from_gguf(file: _core.TensorFile, core: _core.Tokenizer) -> Settings:
    """The settings in a GGUF file's metadata, beside the vocabulary that is compiled already.

    ConfigError names the key of a value of another kind.
    """
    metadata, ids = file.metadata(), special_ids(file)
    known = {name: ids[name.removesuffix("_token")] for name in STANDARD if name.removesuffix("_token") in ids}
    tokens = {name: text for name, id in known.items() if (text := core.id_to_token(id)) is not None}
    template = _templates(metadata)
    return Settings(Defaults(tokens=tokens, model_max_length=_limit(metadata)), template)


def _templates(metadata: Mapping[str, Any]) -> str | dict[str, str] | None:
    templates = {}
    for key, value in metadata.items():
        if key != _TEMPLATE and not key.startswith(f"{_TEMPLATE}."):
            continue
        if not isinstance(value, str):
            raise ConfigError(f"{key} must be text in UTF-8, found {shown(value)}")
        templates[key.removeprefix(f"{_TEMPLATE}.") if key != _TEMPLATE else "default"] = value
    return templates["default"] if list(templates) == ["default"] else (templates or None)


def _limit(metadata: Mapping[str, Any]) -> int:
    """The longest input: the model's context, where the header has a model's."""
    key = f"{metadata.get('general.architecture')}.context_length"
    return UNLIMITED if metadata.get(key) is None else integer(metadata[key], key, least=1, error=ConfigError)
