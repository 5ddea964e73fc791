"""A tokenizer's vocabulary: tokens and ids, and the special ones that programs know by name."""

from collections.abc import Sequence
from typing import Any

from litz import _core
from litz.errors import ArgumentError
from litz.tokenizers import encoding
from litz.tokenizers.settings import NAMED, Settings


class _Token:
    """`bos_token` and its like: a token of the vocabulary, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_token")

    def __get__(self, tokenizer: "SpecialTokens", owner: type) -> str | None:
        return tokenizer._tokens.get(self.name)

    def __set__(self, tokenizer: "SpecialTokens", token: str | None) -> None:
        if token is None:
            tokenizer._tokens.pop(self.name, None)
            return
        if tokenizer._core.token_to_id(token) is None:
            raise ArgumentError(f"{token!r} is not in the vocabulary; {self.name}_token must be one of its tokens")
        tokenizer._tokens[self.name] = token


class _TokenId:
    """`bos_token_id` and its like."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_token_id")

    def __get__(self, tokenizer: "SpecialTokens", owner: type) -> int | None:
        token = tokenizer._tokens.get(self.name)
        return None if token is None else tokenizer._core.token_to_id(token)

    def __set__(self, tokenizer: "SpecialTokens", id: int | None) -> None:
        setattr(tokenizer, f"{self.name}_token", None if id is None else tokenizer._known(id))


class SpecialTokens:
    """The part of `Tokenizer` that knows tokens."""

    bos_token, eos_token, unk_token, sep_token = _Token(), _Token(), _Token(), _Token()
    pad_token, cls_token, mask_token = _Token(), _Token(), _Token()
    bos_token_id, eos_token_id, unk_token_id, sep_token_id = _TokenId(), _TokenId(), _TokenId(), _TokenId()
    pad_token_id, cls_token_id, mask_token_id = _TokenId(), _TokenId(), _TokenId()

    _core: _core.Tokenizer
    _settings: Settings
    _tokens: dict[str, str]

    @property
    def vocab_size(self) -> int:
        """How many tokens the model of the tokenizer has; `len(tokenizer)` counts the added ones too."""
        return self._core.vocab_size(with_added=False)

    def __len__(self) -> int:
        return self._core.vocab_size(with_added=True)

    def get_vocab(self) -> dict[str, int]:
        """Every token with its id."""
        return self._core.vocab()

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens by the names that chat templates know them by."""
        named: dict[str, str | list[str]] = {f"{name}_token": token for name, token in self._tokens.items()}
        if self.additional_special_tokens:
            named["additional_special_tokens"] = self.additional_special_tokens
        return named

    @property
    def additional_special_tokens(self) -> list[str]:
        """Special tokens without a name of their own."""
        return list(self._settings.additional)

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, named ones first."""
        named = [self._tokens[name] for name in NAMED if name in self._tokens]
        return list(dict.fromkeys([*named, *self.additional_special_tokens]))

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        ids = (self._core.token_to_id(token) for token in self.all_special_tokens)
        return [id for id in ids if id is not None]

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or of each of several; of an unknown one, that of `unk_token` (None without one)."""
        if isinstance(tokens, str):
            id = self._core.token_to_id(tokens)
            return self.unk_token_id if id is None else id
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each of several; None for an id that no token has."""
        ids = encoding.lists(ids)
        if isinstance(ids, int):
            return self._core.id_to_token(ids)
        skipped = self._special() if skip_special_tokens else frozenset()
        return [self._core.id_to_token(id) for id in ids if id not in skipped]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that tokens spell."""
        ids = [self._core.token_to_id(token) for token in tokens]
        if None in ids:
            raise ArgumentError(f"{tokens[ids.index(None)]!r} is not in the vocabulary")
        return self._core.decode([id for id in ids if id is not None])

    def _known(self, id: int) -> str:
        token = self._core.id_to_token(id)
        if token is None:
            raise ArgumentError(f"no token has the id {id}; there are {len(self)}")
        return token

    def _special(self) -> frozenset[int]:
        return frozenset(id for id, _, special, *_ in self._core.added_tokens() if special)
