"""Special tokens: those with a name, such as `bos_token`, and those without."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from litz.errors import ArgumentError
from litz.numbers import shown
from litz.tokenizers import vocabulary
from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Defaults

# The seven that every tokenizer may have.
STANDARD = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
EXTRA, ADDITIONAL = "extra_special_tokens", "additional_special_tokens"


class TokenAttribute:
    """`bos_token` and its like: a token of the vocabulary, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tokenizer: Any, owner: type) -> str | None:
        return cast("str | None", self if tokenizer is None else tokenizer._defaults.tokens.get(self.name))

    def __set__(self, tokenizer: Any, token: str | AddedToken | None) -> None:
        tokenizer._set_token(self.name, token)


class IdAttribute:
    """`bos_token_id` and its like."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_id")

    def __get__(self, tokenizer: Any, owner: type) -> int | None:
        return cast("Any", self) if tokenizer is None else id_of(tokenizer._core, tokenizer._defaults, self.name)

    def __set__(self, tokenizer: Any, id: int | None) -> None:
        tokenizer._set_token(self.name, None if id is None else vocabulary.token_of(tokenizer._core, id))


def id_of(backend: TokenizerBackend, defaults: Defaults, name: str) -> int | None:
    """The id of the token that has a name, such as "pad_token"; None without one."""
    token = defaults.tokens.get(name)
    return None if token is None else backend.token_to_id(token)


def named(defaults: Defaults) -> dict[str, str]:
    """The tokens that have names, the standard ones first."""
    return {name: defaults.tokens[name] for name in STANDARD if name in defaults.tokens} | dict(defaults.tokens)


def by_name(defaults: Defaults) -> dict[str, str | list[str]]:
    """All special tokens by the names that chat templates use."""
    found: dict[str, str | list[str]] = {**named(defaults)}
    if defaults.additional:
        found[ADDITIONAL] = list(defaults.additional)
    return found


def all_tokens(defaults: Defaults) -> list[str]:
    """Every special token once, those with names first."""
    return list(dict.fromkeys([*named(defaults).values(), *defaults.additional]))


def all_ids(backend: TokenizerBackend, defaults: Defaults) -> list[int]:
    """The ids of every special token."""
    return vocabulary.known_ids(backend, all_tokens(defaults))


def checked(backend: TokenizerBackend, name: str, token: str | AddedToken) -> str:
    """The text of a token that is to have a name; ArgumentError if the vocabulary lacks it."""
    content = getattr(token, "content", token)
    if not isinstance(content, str):
        raise ArgumentError(f"{name} must be a token or None, found {shown(token)}")
    if vocabulary.find_id(backend, content) is None:
        raise ArgumentError(
            f"{content!r} is not in the vocabulary; {name} must be one of its tokens, or add it with "
            f"tokenizer.add_special_tokens({{'{name}': {content!r}}})"
        )
    return content


def with_named(
    backend: TokenizerBackend, defaults: Defaults, tokens: Mapping[str, str | AddedToken | None]
) -> Defaults:
    """The defaults with other tokens for some names; None takes a name's token away."""
    found = dict(defaults.tokens)
    for name, token in tokens.items():
        if token is None:
            found.pop(name, None)
        else:
            found[name] = checked(backend, name, token)
    return replace(defaults, tokens=found)


def with_additional(backend: TokenizerBackend, defaults: Defaults, tokens: Any) -> Defaults:
    """The defaults with another list of special tokens without names."""
    found = [] if tokens is None else [str(token) for token in vocabulary.several(tokens, ADDITIONAL)]
    unknown = next((token for token in found if vocabulary.find_id(backend, token) is None), None)
    if unknown is not None:
        raise ArgumentError(
            f"{unknown!r} is not in the vocabulary; add it with "
            f"tokenizer.add_special_tokens({{'extra_special_tokens': [{unknown!r}]}})"
        )
    return replace(defaults, additional=tuple(found))


def with_special(
    backend: TokenizerBackend, defaults: Defaults, tokens: Mapping[str, Any], *, replace_extra: bool
) -> tuple[TokenizerBackend, Defaults, int]:
    """A backend with special tokens added, the defaults that name them, and how many changed."""
    lists = (EXTRA, ADDITIONAL)
    names = list(dict.fromkeys([*STANDARD, *defaults.tokens]))
    wrong = next((key for key in tokens if key not in names and key not in lists), None)
    if wrong is not None:
        raise ArgumentError(f"{wrong!r} is no special token; expected one of {', '.join([*names, *lists])}")
    given: list[Any] = []
    for key, value in tokens.items():
        kept = () if replace_extra or key not in lists else defaults.additional
        given += [token for token in _values(key, value) if str(token) not in kept]
    # A token without flags of its own matches as it stands in the text.
    made = [AddedToken(token, special=True) if isinstance(token, str) else token for token in given]
    backend, changed = vocabulary.with_tokens(backend, made, special=True)
    defaults = with_named(backend, defaults, {key: token for key, token in tokens.items() if key not in lists})
    for key in filter(lists.__contains__, tokens):
        extra = [str(token) for token in tokens[key]]
        before = () if replace_extra else defaults.additional
        extra = [*before, *(token for token in extra if token not in before)]
        defaults = replace(defaults, additional=tuple(extra) or defaults.additional)
    return backend, defaults, changed


def _values(key: str, value: Any) -> Sequence[Any]:
    return vocabulary.several(value, key) if key in (EXTRA, ADDITIONAL) else [value]
