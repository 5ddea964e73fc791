"""What a GGUF header says about its tokenizer besides the vocabulary: special tokens, chat templates, the limit."""

import warnings
from collections.abc import Mapping
from typing import Any

from litz import _core
from litz.errors import ConfigError
from litz.numbers import integer, shown
from litz.tokenizers.settings import UNLIMITED, Settings

_PREFIX = "tokenizer.ggml."
_TEMPLATE = "tokenizer.chat_template"
# The misspelt separator is how the format has it.
_KEYS = {
    "bos": ("bos_token_id",),
    "eos": ("eos_token_id",),
    "unk": ("unknown_token_id",),
    "sep": ("separator_token_id", "seperator_token_id"),
    "pad": ("padding_token_id",),
    "cls": ("cls_token_id",),
    "mask": ("mask_token_id",),
}
# Kind of vocabulary -> the tokens that it has where the header names none of the vocabulary, as llama.cpp reads it.
_UNSAID = {
    "llama": {"bos": 1, "eos": 2, "unk": 0},
    "bert": {"cls": 101, "sep": 102, "unk": 100, "pad": 0, "mask": 103},
    "t5": {"eos": 1, "unk": 2, "pad": 0},
}
_NONE = (-1, 2**32 - 1)  # what writers put where there is no such token


def from_gguf(file: _core.TensorFile, core: _core.Tokenizer) -> Settings:
    """The settings in a GGUF file's metadata, beside the vocabulary that is compiled already.

    An id that is no token's counts as none, with a warning unless it is one of those that say so. ConfigError names
    the key of a value of another kind.
    """
    metadata = file.metadata()
    return Settings(
        tokens=_special_tokens(metadata, core),
        chat_template=_templates(metadata),
        model_max_length=_limit(metadata),
    )


def _special_tokens(metadata: Mapping[str, Any], core: _core.Tokenizer) -> dict[str, str]:
    vocab, bad = core.vocab_size(), list[str]()
    unsaid = _UNSAID.get(str(metadata.get(f"{_PREFIX}model")), {})
    tokens = {}
    for name, keys in _KEYS.items():
        found = [_id(metadata, key, vocab=vocab, bad=bad) for key in keys]
        id = next((id for id in found if id is not None), unsaid.get(name))
        token = core.id_to_token(id) if id is not None and id < vocab else None
        if token is not None:
            tokens[name] = token
    if bad:
        warnings.warn(f"the vocabulary has {vocab} tokens: {', '.join(bad)} count as not given", stacklevel=2)
    return tokens


def _id(metadata: Mapping[str, Any], key: str, *, vocab: int, bad: list[str]) -> int | None:
    """The id under a key, None where it is no token's; `bad` collects what nobody writes on purpose."""
    value = metadata.get(f"{_PREFIX}{key}")
    if value is None:
        return None
    id = integer(value, f"{_PREFIX}{key}", least=-(2**63), most=2**64, error=ConfigError)
    if 0 <= id < vocab:
        return id
    if id not in _NONE:
        bad.append(f"{_PREFIX}{key} = {id}")
    return None


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
