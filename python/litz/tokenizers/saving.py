"""A tokenizer as files that litz and the other users of tokenizer.json read."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz.errors import FileAccessError
from litz.hub.paths import check_name, resolve_in
from litz.tokenizers.settings import NAMED

if TYPE_CHECKING:
    from litz.tokenizers.tokenizer import Tokenizer


def save(
    tokenizer: "Tokenizer", data: bytes, config: Mapping[str, Any], folder: str | os.PathLike[str]
) -> tuple[str, ...]:
    """Writes the files of a tokenizer into a folder, made if need be; what the user set is what is written."""
    root = Path(folder)
    told = {name: value for name, value in config.items() if name != "chat_template"}
    for name in NAMED:
        token = getattr(tokenizer, f"{name}_token")
        if token is not None or f"{name}_token" in told:
            told[f"{name}_token"] = token
    told["padding_side"] = tokenizer.padding_side
    told["truncation_side"] = tokenizer.truncation_side
    told["model_max_length"] = tokenizer.model_max_length
    told.setdefault("clean_up_tokenization_spaces", tokenizer.clean_up_tokenization_spaces)
    told["added_tokens_decoder"] = _decoder(tokenizer)
    # The class that does what tokenizer.json says; others build their own from parts of it.
    told["tokenizer_class"] = "PreTrainedTokenizerFast"
    contents = {
        "tokenizer.json": data,
        "tokenizer_config.json": _text(told),
        "special_tokens_map.json": _text(tokenizer.special_tokens_map),
        **_templates(tokenizer.chat_template),
    }
    try:
        return tuple(_write(root, name, content) for name, content in contents.items())
    except OSError as error:
        raise FileAccessError(f"cannot write the tokenizer to {root}: {error.strerror}") from error


def _decoder(tokenizer: "Tokenizer") -> dict[str, dict[str, Any]]:
    names = ("content", "special", "lstrip", "rstrip", "single_word", "normalized")
    return {str(id): dict(zip(names, flags, strict=True)) for id, *flags in tokenizer._core.added_tokens()}


def _text(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _templates(template: str | dict[str, str] | None) -> dict[str, bytes]:
    """One file for each template. A template's name came from a file, so it is checked before it names one."""
    if template is None:
        return {}
    named = {"default": template} if isinstance(template, str) else template
    files = {}
    for name, source in named.items():
        check_name(f"{name}.jinja")
        path = "chat_template.jinja" if name == "default" else f"additional_chat_templates/{name}.jinja"
        files[path] = source.encode()
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
