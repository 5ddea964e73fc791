"""Tokens to ids and back, and tokens that are added to a vocabulary."""

from collections.abc import Sequence
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import shown, token_id
from litz.tokenizers import added_token, tensors
from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Defaults


def find_id(backend: TokenizerBackend, token: str) -> int | None:
    """The id of a token; a lone surrogate is in no vocabulary."""
    try:
        return backend.token_to_id(token)
    except UnicodeEncodeError:
        return None


def known_ids(backend: TokenizerBackend, tokens: Sequence[str]) -> list[int]:
    """The ids of those tokens that the vocabulary has."""
    return [id for id in map(backend.token_to_id, tokens) if id is not None]


def token_of(backend: TokenizerBackend, id: int) -> str:
    """The token of an id; ArgumentError if there is none."""
    token = backend.id_to_token(token_id(id, "the id of a special token"))
    if token is None:
        raise ArgumentError(f"no token has the id {id}; there are {backend.vocab_size()}")
    return token


def ids_of(backend: TokenizerBackend, defaults: Defaults, tokens: str | Sequence[str]) -> Any:
    """The id of a token, or of each of several; of one that the vocabulary lacks, the id of `unk_token`."""
    if not isinstance(tokens, str):
        return [ids_of(backend, defaults, token) for token in _texts(tokens)]
    try:
        id = backend.token_to_id(tokens)
    except UnicodeEncodeError:
        id = None
    if id is not None:
        return id
    unknown = defaults.tokens.get("unk_token")
    return None if unknown is None else backend.token_to_id(unknown)


def tokens_of(backend: TokenizerBackend, ids: Any, skipped: frozenset[int]) -> Any:
    """The token of an id, or of each of several that are not `skipped`; None for an id that no token has."""
    ids = tensors.lists(ids)
    if isinstance(ids, int):
        return backend.id_to_token(token_id(ids, "convert_ids_to_tokens"))
    try:
        return [backend.id_to_token(id) for id in ids if id not in skipped]
    except (OverflowError, TypeError):
        checked = [token_id(id, "convert_ids_to_tokens") for id in several(ids, "ids")]
    return [backend.id_to_token(id) for id in checked if id not in skipped]


def text_of(backend: TokenizerBackend, tokens: str | Sequence[str]) -> str:
    """The text of tokens, which need not be in the vocabulary."""
    given = _texts([tokens] if isinstance(tokens, str) else tokens)
    try:
        return backend.decode_tokens(given)
    except UnicodeEncodeError as error:
        raise ArgumentError(f"tokens with lone surrogates are no text: {error}") from None


def added_tokens(backend: TokenizerBackend) -> dict[int, AddedToken]:
    """The added tokens by id."""
    return {
        id: AddedToken(content, single_word, lstrip, rstrip, normalized, special)
        for id, content, special, lstrip, rstrip, single_word, normalized in backend.added_tokens()
    }


def with_tokens(backend: TokenizerBackend, tokens: Sequence[Any], *, special: bool) -> tuple[TokenizerBackend, int]:
    """A backend with tokens added (str or AddedToken), and how many are new or matched differently before."""
    made = [added_token.of(token, special=special) for token in tokens]
    if not made:
        return backend, 0
    return backend.with_tokens(
        [(t.content, t.special, t.lstrip, t.rstrip, t.single_word, bool(t.normalized)) for t in made]
    )


def several(tokens: Any, name: str) -> list[Any]:
    """The items of a list or another iterable; ArgumentError for one text and for what is no iterable."""
    if isinstance(tokens, str) or not hasattr(tokens, "__iter__"):
        raise ArgumentError(f"{name} must be a list, found {shown(tokens)}")
    return list(tokens)


def _texts(tokens: Any) -> list[str]:
    given = several(tokens, "tokens")
    wrong = next((token for token in given if not isinstance(token, str)), None)
    if wrong is not None:
        raise ArgumentError(f"tokens must be texts, found {shown(wrong)}")
    return given
