"""A tokenizer's vocabulary: tokens and ids, and the special ones that programs know by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from litz.errors import ArgumentError
from litz.tokenizers import added_token, tensors
from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.core import Core
from litz.tokenizers.settings import NAMED, Settings


class _Token:
    """`bos_token` and its like: a token of the vocabulary, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_token")

    def __get__(self, tokenizer: "SpecialTokens", owner: type) -> str | None:
        return tokenizer._tokens.get(self.name)

    def __set__(self, tokenizer: "SpecialTokens", token: str | AddedToken | None) -> None:
        token = None if token is None else str(token)
        if token is None:
            tokenizer._tokens.pop(self.name, None)
            return
        if tokenizer._core.token_to_id(token) is None:
            raise ArgumentError(
                f"{token!r} is not in the vocabulary; {self.name}_token must be one of its tokens, or add it with "
                f"tokenizer.add_special_tokens({{'{self.name}_token': {token!r}}})"
            )
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

    _core: Core
    _settings: Settings
    _tokens: dict[str, str]
    _extra: list[str]

    def _use(self, core: Core) -> None:
        """Takes another core, which has more tokens."""
        raise NotImplementedError

    @property
    def vocab_size(self) -> int:
        """How many tokens the model of the tokenizer has; `len(tokenizer)` counts the added ones too."""
        return self._core.vocab_size(with_added=False)

    def __len__(self) -> int:
        return self._core.vocab_size(with_added=True)

    def __bool__(self) -> bool:
        return True

    def get_vocab(self) -> dict[str, int]:
        """Every token with its id."""
        return self._core.vocab()

    @property
    def vocab(self) -> dict[str, int]:
        """Every token with its id."""
        return self._core.vocab()

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens by id."""
        tokens = {}
        for id, content, special, lstrip, rstrip, single_word, normalized in self._core.added_tokens():
            tokens[id] = AddedToken(content, single_word, lstrip, rstrip, normalized, special)
        return tokens

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return {content: id for id, content, *_ in self._core.added_tokens()}

    def get_added_vocab(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return self.added_tokens_encoder

    # Special tokens

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens by the names that chat templates know them by."""
        named: dict[str, str | list[str]] = {
            f"{name}_token": self._tokens[name] for name in NAMED if name in self._tokens
        }
        if self.additional_special_tokens:
            named["additional_special_tokens"] = self.additional_special_tokens
        return named

    @property
    def additional_special_tokens(self) -> list[str]:
        """Special tokens without a name of their own."""
        return list(self._extra)

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """The ids of `additional_special_tokens`."""
        return self._ids_of(self._extra)

    @property
    def extra_special_tokens(self) -> list[str]:
        """The same as `additional_special_tokens`."""
        return list(self._extra)

    @property
    def extra_special_tokens_ids(self) -> list[int]:
        """The ids of `extra_special_tokens`."""
        return self._ids_of(self._extra)

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, named ones first."""
        named = [self._tokens[name] for name in NAMED if name in self._tokens]
        return list(dict.fromkeys([*named, *self._extra]))

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        return self._ids_of(self.all_special_tokens)

    def _ids_of(self, tokens: Sequence[str]) -> list[int]:
        ids = (self._core.token_to_id(token) for token in tokens)
        return [id for id in ids if id is not None]

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Adds a token or several (str or AddedToken); returns how many are new or matched differently before.

        What is in the vocabulary keeps its id; others get the next ones: give the model as many rows as
        `len(tokenizer)` says.
        """
        given = new_tokens if isinstance(new_tokens, list | tuple) else [new_tokens]
        tokens = [added_token.of(token, special=special_tokens) for token in given]
        if not tokens:
            return 0
        core, changed = self._core.with_tokens(
            [(t.content, t.special, t.lstrip, t.rstrip, t.single_word, bool(t.normalized)) for t in tokens]
        )
        self._use(core)
        return changed

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, Any] | Sequence[Any],
        replace_extra_special_tokens: bool = True,
    ) -> int:
        """Adds special tokens: a list of them, or a dict such as {"pad_token": "[PAD]"} that also gives them names.

        The names are bos_token and its like, and extra_special_tokens (or additional_special_tokens) for a list
        without names, which replaces the one before.
        """
        if not isinstance(special_tokens_dict, Mapping):
            return self.add_tokens(list(special_tokens_dict), special_tokens=True)
        names = {f"{name}_token": name for name in NAMED}
        lists = ("extra_special_tokens", "additional_special_tokens")
        wrong = next((key for key in special_tokens_dict if key not in names and key not in lists), None)
        if wrong is not None:
            raise ArgumentError(f"{wrong!r} is no special token; expected one of {', '.join([*names, *lists])}")
        tokens: list[Any] = []
        for key, value in special_tokens_dict.items():
            tokens += value if key in lists else [value]
        # A token without flags of its own matches as it stands in the text.
        made = [AddedToken(token, special=True) if isinstance(token, str) else token for token in tokens]
        changed = self.add_tokens(made, special_tokens=True)
        for key, value in special_tokens_dict.items():
            if key in lists:
                extra = [str(token) for token in value]
                kept = [] if replace_extra_special_tokens else self._extra
                self._extra = list(dict.fromkeys([*kept, *extra]))
            else:
                setattr(self, key, value)
        return changed

    # Tokens and ids

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or of each of several; of an unknown one, that of `unk_token` (None without one)."""
        if isinstance(tokens, str):
            id = self._core.token_to_id(tokens)
            return self.unk_token_id if id is None else id
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each of several; None for an id that no token has.

        `skip_special_tokens` leaves out those of `all_special_ids`.
        """
        ids = tensors.lists(ids)
        if isinstance(ids, int):
            return self._core.id_to_token(ids)
        skipped = frozenset(self.all_special_ids) if skip_special_tokens else frozenset()
        return [self._core.id_to_token(id) for id in ids if id not in skipped]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that tokens spell, whether the vocabulary has them or not."""
        return self._core.decode_tokens(list(tokens))

    def _known(self, id: int) -> str:
        token = self._core.id_to_token(id)
        if token is None:
            raise ArgumentError(f"no token has the id {id}; there are {len(self)}")
        return token
