"""Ids to text."""

from collections.abc import Callable
from typing import Any

from litz.arguments.mistaken import described
from litz.errors import ArgumentError
from litz.numbers import token_id
from litz.tokenizers import tensors
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Defaults

Warn = Callable[[str, str], None]


def decode(
    backend: TokenizerBackend, defaults: Defaults, ids: Any, *, skip_special: bool, clean: bool | None, warn: Warn
) -> Any:
    """The text of an id, a list, an array or a tensor; of several rows, a list of texts."""
    given = tensors.lists(ids)
    if isinstance(given, list) and given and isinstance(given[0], list):
        return [_text(backend, defaults, row, skip_special, clean, warn) for row in given]
    return _text(backend, defaults, given, skip_special, clean, warn)


def decode_batch(
    backend: TokenizerBackend, defaults: Defaults, rows: Any, *, skip_special: bool, clean: bool | None, warn: Warn
) -> list[str]:
    """The text of each row; of a flat list of ids, the text of each id."""
    given = tensors.lists(rows)
    given = [[row] if isinstance(row, int) else row for row in (given if isinstance(given, list) else [given])]
    return [_text(backend, defaults, row, skip_special, clean, warn) for row in given]


def _text(
    backend: TokenizerBackend, defaults: Defaults, ids: Any, skip_special: bool, clean: bool | None, warn: Warn
) -> str:
    if not isinstance(ids, list):
        if isinstance(ids, bool) or not isinstance(ids, int):
            raise ArgumentError(f"decode takes ids, found {described(ids)}")
        ids = [ids]
    try:
        text = backend.decode(ids, skip_special)
    except (OverflowError, TypeError):
        text = backend.decode([token_id(id, "decode") for id in ids], skip_special)
    return clean_up(text) if cleans(backend, defaults, clean, warn) else text


def cleans(backend: TokenizerBackend, defaults: Defaults, requested: bool | None, warn: Warn) -> bool:
    """Whether decoded texts are cleaned up: the argument's value, or the tokenizer's setting."""
    if not (defaults.clean_up_tokenization_spaces if requested is None else requested):
        return False
    forced = defaults.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output
    if forced or backend.model_type() != "BPE":
        return True
    warn("clean", "clean_up_tokenization_spaces has no effect on BPE, where spaces are text")
    return False


def clean_up(text: str) -> str:
    """A text without the spaces that word pieces leave before punctuation."""
    for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
        text = text.replace(spaced, spaced.strip())
    return text


def refuse_source_tokenizer() -> None:
    """The error for `use_source_tokenizer=True`."""
    raise ArgumentError("use_source_tokenizer=True is for tokenizers of two languages, which this one is not")
