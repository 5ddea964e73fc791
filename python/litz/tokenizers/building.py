"""A tokenizer from one file or object, with the settings that a caller gives."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz import _core
from litz.errors import ArgumentError, ModelNotFoundError, UnknownArgumentError
from litz.hub import ModelFiles
from litz.numbers import shown
from litz.tokenizers import class_keys, named_tokens, vocabularies
from litz.tokenizers import settings as read
from litz.tokenizers.core import Core
from litz.tokenizers.known_keys import NEUTRAL, SETTINGS, similar
from litz.tokenizers.settings import Settings
from litz.tokenizers.side_files import SideKeys

if TYPE_CHECKING:
    from litz.tokenizers.attributes import Attributes

_OF_MODELS = ("dtype", "torch_dtype", "device", "device_map", "attn_implementation", "threads")
# Where nothing lies beside the tokenizer, or what does may be of another model.
NO_FILES = ModelFiles("", Path(os.devnull), None)


def built(file: Any, object: Any, settings: Mapping[str, Any]) -> tuple[Core, Settings, bytes | None]:
    """The core, its settings and, where nothing was added to it, the bytes of its file."""
    if (file is None) == (object is None):
        raise ArgumentError("pass tokenizer_file or tokenizer_object; from_pretrained loads the tokenizer of a model")
    passed = allowed(settings)
    data = _read(file) if file is not None else _written(object)
    made = complete(_core.Tokenizer.from_json(data), NO_FILES, passed)
    return *made, None


def complete(core: _core.Tokenizer, files: ModelFiles, passed: Mapping[str, Any]) -> tuple[_core.Tokenizer, Settings]:
    """A tokenizer.json with everything that is said beside it."""
    keys, config = read.merged(files, passed, core)
    settings = read.from_files(files, keys, config=config)
    staged = class_keys.acted_on(core, files, keys)
    entries = vocabularies.entries(files, keys, settings, core)
    # The file's own post-processor counts, but not before what a caller passes.
    for key in ("add_bos_token", "add_eos_token", "name_or_path"):
        keys.get(key)
    keys.finish()
    return vocabularies.with_added(staged, entries, settings), settings


def over(core: _core.Tokenizer, settings: Settings, passed: Mapping[str, Any]) -> tuple[_core.Tokenizer, Settings]:
    """A GGUF file's tokenizer with what a caller passed over its header."""
    keys = SideKeys(
        {**settings.tokens, "model_max_length": settings.model_max_length, "chat_template": settings.chat_template},
        where="the GGUF header",
    )
    for key, value in passed.items():
        keys.put(key, value, "")
    named_tokens.unite_lists(keys)
    made = read.from_files(NO_FILES, keys, config={})
    for key in ("add_bos_token", "add_eos_token", "name_or_path", "tokenizer_class"):
        keys.get(key)
    keys.finish()
    return vocabularies.with_added(core, [], made), made


def allowed(settings: Mapping[str, Any], arguments: Sequence[str] = ()) -> dict[str, Any]:
    """What a caller passed, without what asks for nothing; a name that means nothing here is ArgumentError.

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


def surround(tokenizer: "Attributes", passed: Mapping[str, Any]) -> None:
    """Puts beginning and end tokens around texts as a caller says."""
    for name in ("add_bos_token", "add_eos_token"):
        if passed.get(name) is not None:
            setattr(tokenizer, name, passed[name])


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
