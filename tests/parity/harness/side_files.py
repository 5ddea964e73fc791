"""A tiny byte-level tokenizer with files beside it, and the settings that two readers take from them."""

import json
import warnings
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer as Reference
from transformers.utils import logging

from litz import AutoTokenizer
from litz.errors import LitzError

NAMES = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
TEXTS = ["a<s>b", " a </s> b.", "<x> <y><img>", "[PAD]a", "ab <z>", ""]
SPECIAL = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
logging.set_verbosity_error()


def flagged(id: int, content: str, **flags: bool) -> dict[str, Any]:
    """A token as tokenizer.json has it."""
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": content, **plain, "special": True, **flags}


def byte_level(**sections: Any) -> dict[str, Any]:
    """A tokenizer.json: <s> </s> <unk>, a token for each byte, no merges."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelt = [chr(b) for b in shown] + [chr(256 + i) for i in range(256 - len(shown))]
    vocab = {token: id for id, token in enumerate(["<s>", "</s>", "<unk>", *sorted(spelt)])}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [flagged(id, token) for id, token in enumerate(("<s>", "</s>", "<unk>"))],
        "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "vocab": vocab, "merges": []}, **sections,
    }  # fmt: skip


def folder(root: Path, **files: Any) -> Path:
    """A folder with these files: `tokenizer_config__json` is tokenizer_config.json."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name.replace("__", ".")
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def facts(tokenizer: Any) -> dict[str, Any]:
    """The behaviour and attributes of a tokenizer that depend on the files beside it."""
    known: dict[str, Any] = {
        "ids": [tokenizer(text)["input_ids"] for text in TEXTS],
        "pair": tokenizer("a<s>", "b")["input_ids"],
        "words": tokenizer(["a", "<s>"], is_split_into_words=True)["input_ids"],
        "entries": list(tokenizer("a")),
        "named": {name: getattr(tokenizer, f"{name}_token") for name in SPECIAL},
        "special": (tokenizer.all_special_tokens, tokenizer.all_special_ids),
        "extra": tokenizer.extra_special_tokens,
        "size": (tokenizer.vocab_size, len(tokenizer)),
        "sides": (tokenizer.padding_side, tokenizer.truncation_side),
        "limit": min(tokenizer.model_max_length, 10**20),
        "cut": tokenizer("abcdefgh", truncation=True, max_length=3)["input_ids"],
        "decoded": [tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) for text in TEXTS],
        "added": {
            id: (t.content, t.lstrip, t.rstrip, t.single_word, t.normalized)
            for id, t in tokenizer.added_tokens_decoder.items()
        },
        "image": getattr(tokenizer, "image_token", None),
    }
    if tokenizer.pad_token is not None:
        known["padded"] = tokenizer(["a", "abc"], padding=True)["input_ids"]
    return known


def tried(read: Any, root: Path, **arguments: Any) -> dict[str, Any] | Exception:
    """The facts of a tokenizer, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return facts(read(str(root), **arguments))
        except Exception as error:
            return error


def agree(root: Path, *, named: Any = (), **arguments: Any) -> None:
    """Both readers give the same facts, or ours refuses with an error that names something of `named`."""
    theirs = tried(Reference.from_pretrained, root, **arguments)
    for fast in (True, False):
        ours = tried(AutoTokenizer.from_pretrained, root, use_fast=fast, **arguments)
        if isinstance(ours, Exception):
            assert isinstance(ours, LitzError), repr(ours)
            assert any(name in str(ours) for name in named), f"{ours}; theirs: {theirs}"
        elif not isinstance(theirs, Exception):
            differing = {key: (ours[key], theirs[key]) for key in theirs if ours[key] != theirs[key]}
            assert not differing, differing
