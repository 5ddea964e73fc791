"""Special tokens by name and without one, as the files beside a tokenizer and a caller give them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.loading.side_files import CONFIG, LISTED, SideKeys
from litz.tokenizers.special_tokens import ADDITIONAL, EXTRA, STANDARD

MODELS = "model_specific_special_tokens"


@dataclass(frozen=True)
class NamedTokens:
    """The special tokens of a tokenizer."""

    tokens: dict[str, str]  # "bos_token" -> "<s>": the seven standard ones, then those of the model
    additional: tuple[str, ...]
    added: tuple[AddedToken, ...]  # all of them, in the order in which those that are new get ids


def unite_lists(keys: SideKeys) -> None:
    """The older name of the list of further tokens counts where the newer one is absent or empty."""
    if ADDITIONAL in keys and not keys.get(EXTRA):
        keys.move(ADDITIONAL, EXTRA)


def merge(keys: SideKeys, listed: Mapping[str, Any]) -> None:
    """Puts special_tokens_map.json over the configuration, but not over what a caller passed."""
    for key, value in listed.items():
        if (keys.passed(key) and keys.get(key)) or (_is_own(key) and isinstance(keys.get(key), str)):
            continue
        if key == EXTRA and isinstance(value, list):
            value = _united(keys.get(key), value)
        keys.put(key, value, LISTED)


def _united(before: Any, more: list[Any]) -> list[Any]:
    """A list with what another adds to it; what special_tokens_map.json writes as an object is special."""
    united = list(before) if isinstance(before, list | tuple) else []
    for token in more:
        token = {**token, "special": True} if isinstance(token, Mapping) else token
        if token not in united:
            united.append(token)
    return united


def report_unread(keys: SideKeys, listed: Mapping[str, Any]) -> None:
    """Warns of the tokens of an ignored special_tokens_map.json that differ from those in use."""
    differing = [key for key in STANDARD if key in listed and _content(listed[key]) != _content(keys.peek(key))]
    if differing:
        warnings.warn(
            f"{LISTED}: {', '.join(differing)} differ from {CONFIG}, whose added_tokens_decoder says that it counts",
            stacklevel=2,
        )


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, Mapping) else token


def read(keys: SideKeys) -> NamedTokens:
    """All special tokens, each checked."""
    found: dict[str, str | AddedToken] = {}
    for key in STANDARD:
        token = keys.token(key)
        if token is not None:
            found[key] = token
    found |= _of_model(keys)
    keys.get(ADDITIONAL)  # counts only where there is no newer list
    named = [str(token) for token in found.values()]
    further = _further(keys, EXTRA if EXTRA in keys else ADDITIONAL, named)
    added = [_special(token, always=str(token) in named) for token in dict.fromkeys([*found.values(), *further])]
    return NamedTokens({key: str(token) for key, token in found.items()}, tuple(map(str, further)), tuple(added))


def _of_model(keys: SideKeys) -> dict[str, str | AddedToken]:
    """Tokens that only some models have, such as `image_token`: keys of their own, or the entries of an object."""
    objects: dict[str, str | AddedToken] = {}
    texts: dict[str, str | AddedToken] = {}
    for key in keys:
        if _is_own(key) and not isinstance(keys.peek(key), bool | None):
            into = texts if isinstance(keys.peek(key), str) else objects
            into[key] = keys.token(key) or ""
    for source in (MODELS, EXTRA):
        value = keys.peek(source)
        if isinstance(value, Mapping):
            texts |= {
                str(name): keys.token_of(token, source, special=True)
                for name, token in value.items()
                if token is not None
            }
        elif source == MODELS and value is not None:
            raise keys.wrong(source, "an object of names and tokens")
    keys.get(MODELS)
    return {**objects, **texts}


def _is_own(key: str) -> bool:
    """Whether a key names a token that only some models have."""
    return key.endswith("_token") and key not in STANDARD and not key.startswith("add_")


def _further(keys: SideKeys, key: str, named: list[str]) -> list[str | AddedToken]:
    value = keys.get(key)
    if value is None or isinstance(value, Mapping):
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise keys.wrong(key, "a list of tokens, or an object of names and tokens")
    return [keys.token_of(token, key, special=_content(token) in named) for token in value]


def _special(token: str | AddedToken, *, always: bool) -> AddedToken:
    if isinstance(token, str):
        return AddedToken(token, special=True)
    special = token.special or always
    return AddedToken(token.content, token.single_word, token.lstrip, token.rstrip, token.normalized, special)
