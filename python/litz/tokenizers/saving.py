"""A tokenizer as files that litz and the other users of tokenizer.json read."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz.errors import ArgumentError, FileAccessError
from litz.hub.paths import check_name, resolve_in
from litz.tokenizers.named_tokens import STANDARD

if TYPE_CHECKING:
    from litz.tokenizers.tokenizer import Tokenizer


def save(
    tokenizer: "Tokenizer", data: bytes, config: Mapping[str, Any], folder: str | os.PathLike[str], *, jinja: bool
) -> tuple[str, ...]:
    """Writes the files of a tokenizer into a folder, made if need be; what the user set is what is written."""
    told = _settings(tokenizer, config)
    if not jinja:
        told["chat_template"] = _listed(tokenizer.chat_template)
    return write(folder, {
        "tokenizer.json": data,
        "tokenizer_config.json": _text(told),
        "special_tokens_map.json": _text(tokenizer.special_tokens_map),
        **(_templates(tokenizer.chat_template) if jinja else {}),
    })  # fmt: skip


def write(folder: str | os.PathLike[str], contents: Mapping[str, bytes]) -> tuple[str, ...]:
    """Writes files into a folder, made if need be; returns their paths."""
    root = Path(folder)
    try:
        return tuple(_write(root, name, content) for name, content in contents.items())
    except OSError as error:
        raise FileAccessError(f"cannot write the tokenizer to {root}: {error.strerror}") from error


# Keys of tokenizer_config.json that are written anew, or whose content is in tokenizer.json.
_REPLACED = frozenset([
    "chat_template", "extra_special_tokens", "additional_special_tokens", "model_specific_special_tokens", "max_len",
    "name_or_path", "tokenizer_file", "vocab_file", "merges_file", "special_tokens_map_file", "added_tokens_file",
])  # fmt: skip


def _settings(tokenizer: "Tokenizer", config: Mapping[str, Any]) -> dict[str, Any]:
    """tokenizer_config.json as the tokenizer is now."""
    told = {name: value for name, value in config.items() if name not in _REPLACED}
    told = {name: value for name, value in told.items() if name in STANDARD or name not in tokenizer._tokens}
    for name in STANDARD:
        token = getattr(tokenizer, name)
        # Without the key, a section of tokenizer.json would name the pad token.
        if token is not None or name in told or name == "pad_token":
            told[name] = token
    own = {name: token for name, token in tokenizer._tokens.items() if name not in STANDARD}
    if own:
        told["model_specific_special_tokens"] = own
    if tokenizer.additional_special_tokens:
        told["additional_special_tokens"] = tokenizer.additional_special_tokens
    for name in ("padding_side", "truncation_side", "model_max_length", "clean_up_tokenization_spaces"):
        told[name] = getattr(tokenizer, name)
    for name, value in (
        ("split_special_tokens", False),
        ("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", False),
        ("model_input_names", ["input_ids", "attention_mask"]),
    ):
        if name in told or getattr(tokenizer, name) != value:
            told[name] = getattr(tokenizer, name)
    for name in {"add_bos_token", "add_eos_token"} & told.keys():
        told[name] = getattr(tokenizer, name)
    told["added_tokens_decoder"] = _decoder(tokenizer)
    # The class that does what tokenizer.json says; others build their own from parts of it.
    told["tokenizer_class"] = "PreTrainedTokenizerFast"
    return told


def _listed(template: str | dict[str, str] | None) -> Any:
    """Chat templates as tokenizer_config.json has them."""
    if isinstance(template, dict):
        return [{"name": name, "template": source} for name, source in template.items()]
    return template


def _decoder(tokenizer: "Tokenizer") -> dict[str, dict[str, Any]]:
    names = ("content", "special", "lstrip", "rstrip", "single_word", "normalized")
    return {str(id): dict(zip(names, flags, strict=True)) for id, *flags in tokenizer._core.added_tokens()}


def _text(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, which JSON has a way to write and UTF-8 has not
        return (json.dumps(content, indent=2) + "\n").encode()


def _templates(template: str | dict[str, str] | None) -> dict[str, bytes]:
    """One file for each template. A template's name came from a file, so it is checked before it names one."""
    if template is None:
        return {}
    named = {"default": template} if isinstance(template, str) else template
    files = {}
    for name, source in named.items():
        check_name(f"{name}.jinja")
        path = "chat_template.jinja" if name == "default" else f"additional_chat_templates/{name}.jinja"
        try:
            files[path] = source.encode()
        except UnicodeEncodeError as error:
            raise ArgumentError(f"the chat template {name!r} has a lone surrogate: {error}") from None
    return files


def _write(root: Path, name: str, content: bytes) -> str:
    """A reader sees the file as it was or as it will be, never a part of it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = resolve_in(root, name)
    temporary = whole.with_name(f".{whole.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(whole)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return str(path)
