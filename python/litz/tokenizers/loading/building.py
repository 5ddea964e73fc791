"""A tokenizer from one file or object, with the settings that a caller gives."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litz import _core
from litz.errors import ArgumentError, ModelNotFoundError, UnknownArgumentError
from litz.hub import ModelFiles
from litz.numbers import shown
from litz.tokenizers import end_tokens
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Settings
from litz.tokenizers.loading import class_keys, named_tokens, vocabularies
from litz.tokenizers.loading import settings as read
from litz.tokenizers.loading.known_keys import NEUTRAL, SETTINGS
from litz.tokenizers.loading.side_files import SideKeys
from litz.tokenizers.similar import similar

_OF_MODELS = ("dtype", "torch_dtype", "device", "device_map", "attn_implementation", "threads")
# Where there are no files beside the tokenizer, or they may be of another model.
NO_FILES = ModelFiles("", Path(os.devnull), None)


def built(file: Any, object: Any, settings: Mapping[str, Any]) -> tuple[TokenizerBackend, Settings]:
    """A backend and its settings, from a tokenizer.json or an object that can be written as one."""
    if (file is None) == (object is None):
        raise ArgumentError("pass tokenizer_file or tokenizer_object; from_pretrained loads the tokenizer of a model")
    passed = allowed(settings)
    data = _read(file) if file is not None else _written(object)
    core, made = complete(_core.Tokenizer.from_json(data), NO_FILES, passed)
    return end_tokens.switched_as_passed(core, made.defaults, passed), made


def complete(core: _core.Tokenizer, files: ModelFiles, passed: Mapping[str, Any]) -> tuple[_core.Tokenizer, Settings]:
    """A tokenizer.json with the files beside it."""
    keys, config = read.merged(files, passed, core)
    settings, added = read.from_files(files, keys, config=config)
    staged = class_keys.with_class_keys(core, files, keys)
    entries = vocabularies.entries(files, keys, settings.defaults, core)
    # The file's own post-processor counts, but not before what a caller passes.
    for key in ("add_bos_token", "add_eos_token", "name_or_path"):
        keys.get(key)
    keys.finish()
    return vocabularies.with_added(staged, entries, added), settings


def over(core: _core.Tokenizer, settings: Settings, passed: Mapping[str, Any]) -> tuple[_core.Tokenizer, Settings]:
    """A GGUF file's tokenizer with what a caller passed over its header."""
    header = {"model_max_length": settings.defaults.model_max_length, "chat_template": settings.chat_template}
    keys = SideKeys({**settings.defaults.tokens, **header}, where="the GGUF header")
    for key, value in passed.items():
        keys.put(key, value, "")
    named_tokens.unite_lists(keys)
    made, added = read.from_files(NO_FILES, keys, config={})
    for key in ("add_bos_token", "add_eos_token", "name_or_path", "tokenizer_class"):
        keys.get(key)
    keys.finish()
    return vocabularies.with_added(core, [], added), made


def allowed(settings: Mapping[str, Any], arguments: Sequence[str] = ()) -> dict[str, Any]:
    """What a caller passed, without values that have no effect; an unknown name is ArgumentError.

    `arguments` are names of the caller's own, which a misspelt one may be meant to be.
    """
    passed = {}
    for name, value in settings.items():
        if name in SETTINGS or (name.endswith("_token") and name not in NEUTRAL):
            passed[name] = value
        elif name not in NEUTRAL:
            hint = similar(name, {*SETTINGS, *arguments})
            if name in _OF_MODELS:
                hint = "; it is one of AutoModelForCausalLM.from_pretrained"
            raise UnknownArgumentError(f"{name}={shown(value)} is no argument of a tokenizer{hint}")
        elif not any(value is neutral or value == neutral for neutral in NEUTRAL[name]):
            wanted = " or ".join(map(repr, NEUTRAL[name]))
            raise ArgumentError(f"{name}={shown(value)} has no effect in this release; pass {wanted}, or leave it out")
    return passed


def _read(file: Any) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise ModelNotFoundError(f"tokenizer_file={shown(file)} cannot be read: {error}") from error


def _written(object: Any) -> bytes:
    """The tokenizer.json of an object."""
    write = getattr(object, "to_str", None) or getattr(object, "to_json", None)
    if write is None:
        raise ArgumentError(f"tokenizer_object must be a tokenizer that can be written as JSON, found {shown(object)}")
    return str(write()).encode()
