"""A tokenizer in the keys of a GGUF header: its vocabulary, the type of each token, and the chat template."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from litz.convert import splits, values
from litz.convert.values import Entry
from litz.errors import UnsupportedError
from litz.tokenizers.tokenizer import Tokenizer

_PREFIX = "tokenizer.ggml."
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)
_BYTE_TOKEN = re.compile("<0x[0-9A-F]{2}>")
_MARK = "▁"
# The score of a token without a merge: below the score of every token that has one.
_LAST = -1e9
_ADDED = -1000.0
_IDS = {
    "bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id", "pad": "padding_token_id",
    "sep": "seperator_token_id", "cls": "cls_token_id", "mask": "mask_token_id",
}  # fmt: skip
_UNSAID = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
_ENDS = ("eot_token_id", "eom_token_id")


def entries(tokenizer: Tokenizer, *, size: int, ends: Iterable[int], where: str) -> list[Entry]:
    """The keys of a tokenizer for a table of `size` rows; `ends` are the tokens that end an answer.

    UnsupportedError names what the format cannot express.
    """
    whole = json.loads(tokenizer._core.to_json())
    model = whole["model"]
    odd = [key for key in _UNSAID if model.get(key)]
    if model["type"] != "BPE" or odd:
        found = f"{model['type']} with {', '.join(odd)}" if odd else model["type"]
        raise UnsupportedError(f"{where}: litz writes plain BPE tokenizers as GGUF, found {found}")
    kind = _marked if model.get("byte_fallback") else _bytes
    made = kind(whole, size=size, where=where)
    return [*made, *_around(tokenizer, where), *_named(tokenizer, ends, where), *_templates(tokenizer)]


def _bytes(whole: Mapping[str, Any], *, size: int, where: str) -> list[Entry]:
    """GPT-2's kind: merges in their order."""
    model = whole["model"]
    tokens, kinds = _tokens(whole, size=size, where=where)
    ignores = bool(model.get("ignore_merges"))
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    return [
        values.text(f"{_PREFIX}model", "gpt2"),
        values.text(f"{_PREFIX}pre", splits.name_of(whole, ignore_merges=ignores, where=where)),
        values.texts(f"{_PREFIX}tokens", tokens),
        values.integers(f"{_PREFIX}token_type", kinds),
        values.texts(f"{_PREFIX}merges", merges),
    ]


def _marked(whole: Mapping[str, Any], *, size: int, where: str) -> list[Entry]:
    """SentencePiece's kind: scores stand for the order of the merges."""
    model = whole["model"]
    tokens, kinds = _tokens(whole, size=size, where=where)
    unknown = model.get("unk_token")
    for id, token in enumerate(tokens):
        if token == unknown:
            kinds[id] = _UNKNOWN
        elif kinds[id] == _NORMAL and _BYTE_TOKEN.fullmatch(token):
            kinds[id] = _BYTE
    scores = _scores(tokens, kinds, model["merges"], where=where)
    # Readers look for these before they mark spaces.
    texts = [t.replace(_MARK, " ") if kind == _USER_DEFINED else t for t, kind in zip(tokens, kinds, strict=True)]
    return [
        values.text(f"{_PREFIX}model", "llama"),
        values.text(f"{_PREFIX}pre", "default"),
        values.texts(f"{_PREFIX}tokens", texts),
        values.reals(f"{_PREFIX}scores", scores),
        values.integers(f"{_PREFIX}token_type", kinds),
        values.flag(f"{_PREFIX}add_space_prefix", _marks_first(whole)),
    ]


def _scores(tokens: list[str], kinds: list[int], merges: list[Any], *, where: str) -> list[float]:
    """Minus the place of each token among those that merges make; a pair is merged by the score of what it gives.

    Where a token's merges do not follow each other, no scores express their order.
    """
    places: dict[str, int] = {}
    previous, normal = None, {token for token, kind in zip(tokens, kinds, strict=True) if kind == _NORMAL}
    for pair in merges:
        token = "".join(pair) if isinstance(pair, list) else pair.replace(" ", "", 1)
        if token not in normal:
            continue
        if token != previous and token in places:
            raise UnsupportedError(f"{where}: the merges of the token {token!r} lie apart, which no GGUF scores say")
        places.setdefault(token, len(places))
        previous = token
    by_kind = {_NORMAL: _LAST, _BYTE: 0.0}
    return [
        -float(places[token]) if kind == _NORMAL and token in places else by_kind.get(kind, _ADDED)
        for token, kind in zip(tokens, kinds, strict=True)
    ]


def _marks_first(whole: Mapping[str, Any]) -> bool:
    """Whether a text is marked as if it began with a space."""
    stages = json.dumps([whole.get("normalizer"), whole.get("pre_tokenizer")])
    return '"Prepend"' in stages or '"prepend_scheme": "first"' in stages or '"prepend_scheme": "always"' in stages


def _tokens(whole: Mapping[str, Any], *, size: int, where: str) -> tuple[list[str], list[int]]:
    """The text and kind of every row; rows without a token are unused ones, added tokens without a row left out."""
    texts = {id: token for token, id in whole["model"]["vocab"].items()}
    kinds = dict.fromkeys(texts, _NORMAL)
    if max(texts, default=-1) >= size:
        raise UnsupportedError(f"{where}: the tokenizer has ids up to {max(texts)}, and the model only {size} rows")
    for token in whole["added_tokens"]:
        texts[token["id"]] = token["content"]
        kinds[token["id"]] = _CONTROL if token["special"] else _USER_DEFINED
    tokens = [texts.get(id, f"[PAD{id}]") for id in range(size)]
    return tokens, [kinds.get(id, _UNUSED) for id in range(size)]


def beyond(tokenizer: Tokenizer, size: int) -> list[str]:
    """The added tokens that a table of `size` rows has no row for."""
    return [content for id, content, *_ in tokenizer._core.added_tokens() if id >= size]


def _around(tokenizer: Tokenizer, where: str) -> list[Entry]:
    """Whether a text begins with bos and ends with eos; the format has no other tokens around it."""
    slots = tokenizer._core.slots()
    place = next(place for place, (id, _, *_) in enumerate(slots) if id is None)
    before, after = ([id for id, *_ in part] for part in (slots[:place], slots[place + 1 :]))
    for name, found in (("bos", before), ("eos", after)):
        if found and found != [getattr(tokenizer, f"{name}_token_id")]:
            raise UnsupportedError(f"{where}: its tokenizer puts {found} around a text, and GGUF has {name} only")
    return [
        values.flag(f"{_PREFIX}add_bos_token", bool(before)),
        values.flag(f"{_PREFIX}add_eos_token", bool(after)),
    ]


def _named(tokenizer: Tokenizer, ends: Iterable[int], where: str) -> list[Entry]:
    """The ids of special tokens. Ends of an answer beside eos are those of a turn and of a message."""
    ids = {name: getattr(tokenizer, f"{name}_token_id", None) for name in _IDS}
    others = list(dict.fromkeys(id for id in ends if id != ids["eos"]))
    if ids["eos"] is None and others:
        ids["eos"] = others.pop(0)
    if len(others) > len(_ENDS):
        raise UnsupportedError(
            f"{where}: {len(others) + 1} tokens end an answer (eos_token_id), and GGUF has keys for {len(_ENDS) + 1}"
        )
    made = [values.number(_PREFIX + _IDS[name], id) for name, id in ids.items() if id is not None]
    return made + [values.number(_PREFIX + key, id) for key, id in zip(_ENDS, others, strict=False)]


def _templates(tokenizer: Tokenizer) -> list[Entry]:
    """The chat template; of several, each under its name."""
    found, key = tokenizer.chat_template, "tokenizer.chat_template"
    templates = found if isinstance(found, dict) else {} if found is None else {"default": found}
    names = [name for name in templates if name != "default"]
    listed = [values.texts("tokenizer.chat_templates", names)] if names else []
    return listed + [
        values.text(key if name == "default" else f"{key}.{name}", template) for name, template in templates.items()
    ]
