"""The ids of special tokens that a GGUF header names, read in one place for tokenizers and for generation."""

import warnings
from collections.abc import Mapping
from typing import Any

from litz import _core
from litz.errors import ConfigError
from litz.numbers import integer

_PREFIX = "tokenizer.ggml."
# The misspelt separator is how the format has it.
_KEYS = {
    "bos": ("bos_token_id",),
    "eos": ("eos_token_id",),
    "unk": ("unknown_token_id",),
    "sep": ("separator_token_id", "seperator_token_id"),
    "pad": ("padding_token_id",),
    "cls": ("cls_token_id",),
    "mask": ("mask_token_id",),
    "eot": ("eot_token_id",),
    "eom": ("eom_token_id",),
}
# Kind of vocabulary -> the tokens that it has where the header names none of the vocabulary, as llama.cpp reads it.
_UNSAID = {
    "llama": {"bos": 1, "eos": 2, "unk": 0},
    "bert": {"cls": 101, "sep": 102, "unk": 100, "pad": 0, "mask": 103},
    "t5": {"eos": 1, "unk": 2, "pad": 0},
}
_NONE = (-1, 2**32 - 1)  # what writers put where there is no such token


def special_ids(file: _core.TensorFile) -> dict[str, int]:
    """The ids by the token's name ("bos", "eos", "pad"…), each of them of the vocabulary.

    An id that is no token's counts as not given, with a warning unless it is one of those that say so. ConfigError
    names the key of a value of another kind.
    """
    metadata, bad = file.metadata(), list[str]()
    tokens = metadata.get(f"{_PREFIX}tokens")
    vocab = file.long_arrays().get(f"{_PREFIX}tokens") or (len(tokens) if isinstance(tokens, list) else 0)
    unsaid = _UNSAID.get(str(metadata.get(f"{_PREFIX}model")), {})
    found = {}
    for name, keys in _KEYS.items():
        given = [_id(metadata, key, vocab=vocab, bad=bad) for key in keys]
        id = next((id for id in given if id is not None), unsaid.get(name))
        if id is not None and id < vocab:
            found[name] = id
    if bad:
        warnings.warn(f"the vocabulary has {vocab} tokens: {', '.join(bad)} counts as not given", stacklevel=2)
    return found


def _id(metadata: Mapping[str, Any], key: str, *, vocab: int, bad: list[str]) -> int | None:
    """The id under a key, None where it is no token's; `bad` collects ids that must be mistakes."""
    value = metadata.get(f"{_PREFIX}{key}")
    if value is None:
        return None
    id = integer(value, f"{_PREFIX}{key}", least=-(2**63), most=2**64, error=ConfigError)
    if 0 <= id < vocab:
        return id
    if id not in _NONE:
        bad.append(f"{_PREFIX}{key} = {id}")
    return None
