"""The texts of a call: one or several, alone or in pairs, each a str or a list of words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litz.arguments.mistaken import described
from litz.errors import ArgumentError

Text = Any  # str, or a list of words


@dataclass(frozen=True)
class Inputs:
    """The texts of a call."""

    firsts: list[Text]
    seconds: list[Text] | None
    several: bool
    words: bool


def read(text: Any, pair: Any, words: bool) -> Inputs:
    """One text or several, alone or in pairs; each a str, or with `words` a list of them."""
    if not isinstance(text, str | list | tuple) and isinstance(text, Sequence) and not isinstance(text, bytes):
        text = list(text)
    several = not isinstance(text, str) and not (words and _is_words(text))
    if words and isinstance(text, str):
        raise ArgumentError("is_split_into_words=True takes a list of words, or a list of such lists; found one str")
    if not isinstance(text, str | list | tuple):
        raise ArgumentError(f"expected text, or a list of texts; found {described(text)}")
    firsts = list(text) if several else [text]
    seconds = None
    if not several and pair is not None and len(pair) == 0:
        pair = None  # a second text of nothing is none, save in a list of them
    if pair is not None:
        if several and (isinstance(pair, str) or not isinstance(pair, list | tuple)):
            raise ArgumentError(f"text is a list of {len(firsts)} items, so text_pair must be a list too")
        seconds = list(pair) if several else [pair]
        if len(firsts) != len(seconds):
            raise ArgumentError(f"text has {len(firsts)} items and text_pair {len(seconds)}: they must agree")
    elif several and firsts and all(_is_pair(item, words) for item in firsts):
        firsts, seconds = [pair[0] for pair in firsts], [pair[1] for pair in firsts]
    for item in [*firsts, *(seconds or ())]:
        _check(item, words)
    return Inputs(firsts, seconds, several, words)


def read_one(text: Any, pair: Any, words: bool, *, method: str, hint: str = "") -> Inputs:
    """The same for a method that takes one text, or a pair; several are ArgumentError."""
    given = read(text, pair, words)
    if given.several:
        raise ArgumentError(f"{method} takes one text, found {type(text).__name__}{hint}")
    return given


def _is_words(text: Any) -> bool:
    return isinstance(text, list | tuple) and all(isinstance(word, str) for word in text)


def _is_pair(item: Any, words: bool) -> bool:
    inner = list | tuple if words else str
    return isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(half, inner) for half in item)


def _check(item: Any, words: bool) -> None:
    if not words and isinstance(item, str):
        return
    if words and isinstance(item, list | tuple) and all(isinstance(word, str) for word in item):
        return
    if words:
        raise ArgumentError(f"is_split_into_words=True takes lists of words; found {item!r:.80}")
    hint = "; pass is_split_into_words=True for lists of words" if isinstance(item, list | tuple) else ""
    if isinstance(item, Mapping) and "role" in item:
        hint = "; pass conversations to apply_chat_template"
    raise ArgumentError(f"expected text, or a list of texts; found {described(item)}{hint}")
