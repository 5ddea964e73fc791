"""A tokenizer as files that litz and the other users of tokenizer.json read."""

import os
import threading
from collections.abc import Mapping
from json import dumps
from pathlib import Path
from typing import Any

from litz.errors import ArgumentError, FileAccessError
from litz.hub.paths import check_name, resolve_in
from litz.tokenizers import end_tokens, special_tokens
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Defaults, Settings
from litz.tokenizers.special_tokens import STANDARD


def save(
    backend: TokenizerBackend,
    settings: Settings,
    folder: str | os.PathLike[str],
    *,
    json: bytes | None,
    jinja: bool,
) -> tuple[str, ...]:
    """Writes the files of a tokenizer into a folder, made if need be; `json` is its tokenizer.json, if at hand."""
    template = settings.chat_template
    config = _config(backend, settings)
    if not jinja:
        config["chat_template"] = _listed(template)
    return write(folder, {
        "tokenizer.json": json or backend.to_json().encode(),
        "tokenizer_config.json": _text(config),
        "special_tokens_map.json": _text(special_tokens.by_name(settings.defaults)),
        **(_templates(template) if jinja else {}),
    })  # fmt: skip


def refuse(**arguments: Any) -> None:
    """ArgumentError for arguments that request another form of saving."""
    for name, value in arguments.items():
        if value is not None:
            raise ArgumentError(
                f"{name}={value!r} is not done by this release: it writes tokenizer.json and the files beside it into "
                "a folder"
            )


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


def _config(backend: TokenizerBackend, settings: Settings) -> dict[str, Any]:
    """tokenizer_config.json as the tokenizer is now."""
    defaults = settings.defaults
    config = {name: value for name, value in settings.config.items() if name not in _REPLACED}
    config = {name: value for name, value in config.items() if name in STANDARD or name not in defaults.tokens}
    for name in STANDARD:
        token = defaults.tokens.get(name)
        # Without the key, a section of tokenizer.json would name the pad token.
        if token is not None or name in config or name == "pad_token":
            config[name] = token
    own = {name: token for name, token in defaults.tokens.items() if name not in STANDARD}
    if own:
        config["model_specific_special_tokens"] = own
    if defaults.additional:
        config["additional_special_tokens"] = list(defaults.additional)
    for name in ("padding_side", "truncation_side", "model_max_length", "clean_up_tokenization_spaces"):
        config[name] = getattr(defaults, name)
    for name in (
        "split_special_tokens", "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
        "model_input_names",
    ):  # fmt: skip
        value = getattr(defaults, name)
        if name in config or value != getattr(Defaults, name):
            config[name] = list(value) if isinstance(value, tuple) else value
    for name in config.keys() & end_tokens.NAMES:
        config[name] = end_tokens.is_added(backend, defaults, name)
    config["added_tokens_decoder"] = _decoder(backend)
    # The class that does what tokenizer.json says; others build their own from parts of it.
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    return config


def _listed(template: str | dict[str, str] | None) -> Any:
    """Chat templates as tokenizer_config.json has them."""
    if isinstance(template, dict):
        return [{"name": name, "template": source} for name, source in template.items()]
    return template


def _decoder(backend: TokenizerBackend) -> dict[str, dict[str, Any]]:
    names = ("content", "special", "lstrip", "rstrip", "single_word", "normalized")
    return {str(id): dict(zip(names, flags, strict=True)) for id, *flags in backend.added_tokens()}


def _text(content: Mapping[str, Any]) -> bytes:
    text = dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can escape and UTF-8 cannot encode
        return (dumps(content, indent=2) + "\n").encode()


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
    """Writes a file atomically."""
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
