"""A tokenizer's vocabulary: tokens and ids, and the special ones that programs know by name."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, overload

from litz.errors import ArgumentError
from litz.numbers import shown, token_id
from litz.tokenizers import added_token, tensors
from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.core import Core
from litz.tokenizers.named_tokens import STANDARD
from litz.tokenizers.settings import Settings


class _Token:
    """`bos_token` and its like: a token of the vocabulary, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tokenizer: "SpecialTokens | None", owner: type) -> str | None:
        return cast("Any", self) if tokenizer is None else tokenizer._tokens.get(self.name)

    def __set__(self, tokenizer: "SpecialTokens", token: str | AddedToken | None) -> None:
        tokenizer._name(self.name, token)


class _TokenId:
    """`bos_token_id` and its like."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_id")

    def __get__(self, tokenizer: "SpecialTokens | None", owner: type) -> int | None:
        return cast("Any", self) if tokenizer is None else tokenizer._id_of(self.name)

    def __set__(self, tokenizer: "SpecialTokens", id: int | None) -> None:
        tokenizer._name(self.name, None if id is None else tokenizer._known(id))


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

    def _name(self, name: str, token: str | AddedToken | None) -> None:
        """Makes a token of the vocabulary the one that has a name, such as `eos_token`."""
        if token is None:
            self._tokens.pop(name, None)
            return
        content = getattr(token, "content", token)
        if not isinstance(content, str):
            raise ArgumentError(f"{name} must be a token or None, found {shown(token)}")
        if self._found(content) is None:
            raise ArgumentError(
                f"{content!r} is not in the vocabulary; {name} must be one of its tokens, or add it with "
                f"tokenizer.add_special_tokens({{'{name}': {content!r}}})"
            )
        self._tokens[name] = content

    def _found(self, token: str) -> int | None:
        """The id of a token; half a character is in no vocabulary."""
        try:
            return self._core.token_to_id(token)
        except UnicodeEncodeError:
            return None

    def _id_of(self, name: str) -> int | None:
        token = self._tokens.get(name)
        return None if token is None else self._core.token_to_id(token)

    def _named(self) -> dict[str, str]:
        """The tokens that have names, those of every tokenizer first."""
        first = {name: self._tokens[name] for name in STANDARD if name in self._tokens}
        return first | self._tokens

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
        named: dict[str, str | list[str]] = {**self._named()}
        if self.additional_special_tokens:
            named["additional_special_tokens"] = self.additional_special_tokens
        return named

    @property
    def additional_special_tokens(self) -> list[str]:
        """Special tokens without a name of their own."""
        return list(self._extra)

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Sequence[str | AddedToken] | None) -> None:
        found = [] if tokens is None else [str(token) for token in _several(tokens, "additional_special_tokens")]
        unknown = next((token for token in found if self._found(token) is None), None)
        if unknown is not None:
            raise ArgumentError(
                f"{unknown!r} is not in the vocabulary; add it with "
                f"tokenizer.add_special_tokens({{'extra_special_tokens': [{unknown!r}]}})"
            )
        self._extra = found

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """The ids of `additional_special_tokens`."""
        return self._ids_of(self._extra)

    extra_special_tokens = additional_special_tokens

    extra_special_tokens_ids = additional_special_tokens_ids

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, named ones first."""
        return list(dict.fromkeys([*self._named().values(), *self._extra]))

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
        without names, which replaces the one before unless it is empty.
        """
        if not isinstance(special_tokens_dict, Mapping):
            return self.add_tokens(list(special_tokens_dict), special_tokens=True)
        names = {*STANDARD, *self._tokens}
        lists = ("extra_special_tokens", "additional_special_tokens")
        wrong = next((key for key in special_tokens_dict if key not in names and key not in lists), None)
        if wrong is not None:
            known = ", ".join([*STANDARD, *(name for name in self._tokens if name not in STANDARD), *lists])
            raise ArgumentError(f"{wrong!r} is no special token; expected one of {known}")
        tokens: list[Any] = []
        for key, value in special_tokens_dict.items():
            given = _several(value, key) if key in lists else [value]
            kept = () if replace_extra_special_tokens or key not in lists else self._extra
            tokens += [token for token in given if str(token) not in kept]
        # A token without flags of its own matches as it stands in the text.
        made = [AddedToken(token, special=True) if isinstance(token, str) else token for token in tokens]
        changed = self.add_tokens(made, special_tokens=True)
        for key, value in special_tokens_dict.items():
            if key in lists:
                extra = [str(token) for token in value]
                if not replace_extra_special_tokens:
                    extra = [*self._extra, *(token for token in extra if token not in self._extra)]
                self._extra = extra or self._extra
            else:
                self._name(key, value)
        return changed

    # Tokens and ids

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int | None: ...
    @overload
    def convert_tokens_to_ids(self, tokens: list[str] | tuple[str, ...]) -> list[int | None]: ...
    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or of each of several; of an unknown one, that of `unk_token` (None without one)."""
        if isinstance(tokens, str):
            id = self._found(tokens)
            return self.unk_token_id if id is None else id
        return [self.convert_tokens_to_ids(token) for token in _texts(tokens)]

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str | None: ...
    @overload
    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> list[str | None]: ...
    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each of several; None for an id that no token has.

        `skip_special_tokens` leaves out those of `all_special_ids`.
        """
        ids = tensors.lists(ids)
        if isinstance(ids, int):
            return self._core.id_to_token(token_id(ids, "convert_ids_to_tokens"))
        skipped = frozenset(self.all_special_ids) if skip_special_tokens else frozenset()
        try:
            return [self._core.id_to_token(id) for id in ids if id not in skipped]
        except (OverflowError, TypeError):
            checked = [token_id(id, "convert_ids_to_tokens") for id in _several(ids, "ids")]
        return [self._core.id_to_token(id) for id in checked if id not in skipped]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text that tokens spell, whether the vocabulary has them or not."""
        given = _texts([tokens] if isinstance(tokens, str) else tokens)
        try:
            return self._core.decode_tokens(given)
        except UnicodeEncodeError as error:
            raise ArgumentError(f"tokens with lone surrogates are no text: {error}") from None

    def _known(self, id: int) -> str:
        token = self._core.id_to_token(token_id(id, "the id of a special token"))
        if token is None:
            raise ArgumentError(f"no token has the id {id}; there are {len(self)}")
        return token


def _several(tokens: Any, name: str) -> list[Any]:
    if isinstance(tokens, str) or not hasattr(tokens, "__iter__"):
        raise ArgumentError(f"{name} must be a list, found {shown(tokens)}")
    return list(tokens)


def _texts(tokens: Any) -> list[str]:
    given = _several(tokens, "tokens")
    wrong = next((token for token in given if not isinstance(token, str)), None)
    if wrong is not None:
        raise ArgumentError(f"tokens must be texts, found {shown(wrong)}")
    return given
