"""A token that is found in the text itself, before the model of the tokenizer sees it."""

from dataclasses import dataclass
from typing import Any

from litz.errors import ArgumentError


@dataclass(frozen=True)
class AddedToken:
    """A token and how it matches.

    `single_word` matches only where no word character touches it; `lstrip` and `rstrip` include the white space beside
    it; `normalized` matches normalized text, which is the default of tokens that are not special.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool | None = None
    special: bool = False

    def __post_init__(self) -> None:
        if not is_token(self.content):
            raise ArgumentError(f"a token is a text of at least one character, found {self.content!r:.80}")
        # Where it was left open, a token that becomes special later is not normalized either.
        object.__setattr__(self, "_open", self.normalized is None)
        if self.normalized is None:
            object.__setattr__(self, "normalized", not self.special)

    def __str__(self) -> str:
        return self.content


def is_token(value: Any) -> bool:
    """Whether a value is a text of at least one character, without lone surrogates."""
    return isinstance(value, str) and bool(value) and not any("\ud800" <= char <= "\udfff" for char in value)


def of(token: Any, *, special: bool) -> AddedToken:
    """A token from a str, an AddedToken, or that of the `tokenizers` library; with `special` it becomes special."""
    if isinstance(token, str):
        return AddedToken(token, special=special)
    if not hasattr(token, "content"):
        raise ArgumentError(f"a token is a str or an AddedToken, found {token!r:.80}")
    flags = {name: bool(getattr(token, name)) for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
    if special and not flags["special"]:
        flags |= {"special": True, "normalized": flags["normalized"] and not getattr(token, "_open", False)}
    return AddedToken(token.content, **flags)
