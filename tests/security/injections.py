"""Attacks on rendered chats: conversations full of special tokens, and tokenizers to count them with."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from litz.tokenizers import Tokenizer, from_pretrained
from tests.unit import tiny

# What special tokens of chat models look like; a role may be part of one.
TOKEN = re.compile(r"<\|?[^|<>\s{}'\"]+\|?>|<｜[^｜<>\s{}'\"]+｜>|\[/?[A-Z][A-Z_]*\]")
NAMED = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def tokens_in(texts: Iterator[str]) -> list[str]:
    """Everything in texts that looks like a special token, and the named ones; tags that are closed are markup."""
    found = {token for text in texts for token in TOKEN.findall(text)}
    markup = {form for token in found if token[:2] == "</" for form in (token, "<" + token[2:])}
    return sorted(found - markup | set(NAMED.values()))


def byte_tokenizer(folder: Path, special: list[str], template: str) -> Tokenizer:
    """A token for every byte, and these special tokens."""
    file = json.loads(tiny.tokenizer_json())
    flags = {"special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}
    file["added_tokens"] = [{"id": 256 + place, "content": text, **flags} for place, text in enumerate(special)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(file))
    (folder / "tokenizer_config.json").write_text(json.dumps({**NAMED, "chat_template": template}))
    return from_pretrained(folder)


def word_tokenizer(folder: Path, special: list[str], template: str) -> Tokenizer:
    """Words between spaces, where the special tokens are words of the model, too."""
    file = json.loads(tiny.tokenizer_json())
    flags = {"special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}
    file["added_tokens"] = [{"id": 1 + place, "content": text, **flags} for place, text in enumerate(special)]
    words = {"<unknown>": 0, **{text: 1 + place for place, text in enumerate(special)}}
    file["model"] = {"type": "WordLevel", "vocab": words, "unk_token": "<unknown>"}
    file["pre_tokenizer"], file["decoder"] = {"type": "WhitespaceSplit"}, None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(file))
    (folder / "tokenizer_config.json").write_text(json.dumps({**NAMED, "chat_template": template}))
    return from_pretrained(folder)


def changed(value: Any, change: Callable[[str], str], kept: tuple[str, ...] = ("role", "type")) -> Any:
    """A conversation, tool or document with every text and name changed; `kept` keep their values."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [changed(item, change, kept) for item in value]
    if isinstance(value, dict):
        return {key: item if key in kept else changed(item, change, kept) for key, item in value.items()}
    return value


def changed_keys(value: Any, change: Callable[[str], str]) -> Any:
    """What a model or a tool may name: the arguments of calls and the properties of schemas, renamed."""
    if isinstance(value, list):
        return [changed_keys(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {}
    for key, item in value.items():
        if key in ("arguments", "properties") and isinstance(item, dict):
            renamed[key] = {change(name): inner for name, inner in item.items()}
        else:
            renamed[key] = changed_keys(item, change)
    return renamed


def control(tokenizer: Tokenizer, ids: list[int]) -> Counter[int]:
    """How often each special token is among ids."""
    special = {id for id, _, is_special, *_ in tokenizer._core.added_tokens() if is_special}
    return Counter(id for id in ids if id in special)


def specials(tokenizer: Tokenizer) -> list[str]:
    """The texts of all special tokens."""
    return [text for _, text, is_special, *_ in tokenizer._core.added_tokens() if is_special]
