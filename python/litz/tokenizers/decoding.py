"""Ids to text."""

from collections.abc import Callable
from typing import Any

from litz.errors import ArgumentError
from litz.mistaken import described
from litz.numbers import token_id
from litz.tokenizers import tensors
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Defaults


def decode(
    backend: TokenizerBackend,
    defaults: Defaults,
    ids: Any,
    *,
    skip_special_tokens: bool,
    clean: bool | None,
    batch: bool,
    warn: Callable[[str, str], None],
) -> Any:
    """The text of an id, a list, an array or a tensor; of several rows, or of each item of a `batch`, a list."""
    given = tensors.lists(ids)
    if batch:
        rows = [[row] if isinstance(row, int) else row for row in (given if isinstance(given, list) else [given])]
    else:
        batch = isinstance(given, list) and bool(given) and isinstance(given[0], list)
        rows = given if batch else [given]
    texts = [_text(backend, row, skip_special_tokens) for row in rows]
    if texts and _cleans(backend, defaults, clean, warn):
        texts = [clean_up(text) for text in texts]
    return texts if batch else texts[0]


def _text(backend: TokenizerBackend, ids: Any, skip_special_tokens: bool) -> str:
    if not isinstance(ids, list):
        if isinstance(ids, bool) or not isinstance(ids, int):
            raise ArgumentError(f"decode takes ids, found {described(ids)}")
        ids = [ids]
    try:
        return backend.decode(ids, skip_special_tokens)
    except (OverflowError, TypeError):
        return backend.decode([token_id(id, "decode") for id in ids], skip_special_tokens)


def _cleans(
    backend: TokenizerBackend, defaults: Defaults, asked: bool | None, warn: Callable[[str, str], None]
) -> bool:
    """Whether decoded texts are cleaned up: as asked, or as the tokenizer was saved."""
    if not (defaults.clean_up_tokenization_spaces if asked is None else asked):
        return False
    forced = defaults.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output
    if not forced and backend.model_type() == "BPE":
        warn("clean", "clean_up_tokenization_spaces has no effect on BPE, where spaces are text")
        return False
    return True


def clean_up(text: str) -> str:
    """A text without the spaces that word pieces leave before punctuation."""
    for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
        text = text.replace(spaced, spaced.strip())
    return text
