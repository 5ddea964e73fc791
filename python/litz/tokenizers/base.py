"""The state of a tokenizer: a backend and the defaults of its calls; its vocabulary and settings as attributes."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack, overload

from litz import _core
from litz._core import Template
from litz.errors import ArgumentError
from litz.numbers import shown
from litz.tokenizers import end_tokens, special_tokens, vocabulary
from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import CHECKS, Defaults, Settings, Side, is_unlimited
from litz.tokenizers.similar import similar
from litz.tokenizers.special_tokens import IdAttribute, TokenAttribute
from litz.tokenizers.warn_once import WarnOnce

if TYPE_CHECKING:
    from litz.arguments.keywords import TokenizerSettings

_FREE = ("name_or_path", "chat_template", "verbose")
_AT_LOADING = ("add_prefix_space", "legacy", "do_lower_case", "strip_accents", "tokenize_chinese_chars")


class TokenizerBase:
    """All of `Tokenizer` but its calls: how it is made and saved, its settings, its vocabulary, its special tokens.

    Nothing changes in place: `_core` (the backend) and `_defaults` are replaced, and calls are given both.
    """

    reads_as: ClassVar[str | None] = None  # the class whose keys act, where it is not the one that the files name

    bos_token, eos_token, unk_token = TokenAttribute(), TokenAttribute(), TokenAttribute()
    sep_token, pad_token, cls_token, mask_token = TokenAttribute(), TokenAttribute(), TokenAttribute(), TokenAttribute()
    bos_token_id, eos_token_id, unk_token_id = IdAttribute(), IdAttribute(), IdAttribute()
    sep_token_id, pad_token_id, cls_token_id, mask_token_id = IdAttribute(), IdAttribute(), IdAttribute(), IdAttribute()

    # The names of `CHECKS`: as assigned, and the same in `_defaults`.
    padding_side: Side
    truncation_side: Side
    model_max_length: int
    pad_token_type_id: int
    clean_up_tokenization_spaces: bool
    clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: bool
    split_special_tokens: bool

    _core: TokenizerBackend
    _defaults: Defaults
    _fast_path: bool  # whether a call without options gives ids and a mask of ones, and nothing else

    def __init__(
        self, *, tokenizer_file: Any = None, tokenizer_object: Any = None, **settings: "Unpack[TokenizerSettings]"
    ) -> None:
        """A tokenizer from a tokenizer.json, or from an object of the `tokenizers` library or of litz's core.

        `settings` are keys of tokenizer_config.json, such as `pad_token` or `model_max_length`.
        """
        from litz.tokenizers.loading import building

        backend, made = building.built(tokenizer_file, tokenizer_object, settings)
        self._begin(backend, made, name_or_path=str(settings.get("name_or_path", "")), json=None)

    @classmethod
    def of(
        cls, backend: TokenizerBackend, settings: Settings, *, name_or_path: str = "", json: bytes | None = None
    ) -> Self:
        """A tokenizer on a backend that has all tokens that the settings name."""
        made = cls.__new__(cls)
        made._begin(backend, settings, name_or_path=name_or_path, json=json)
        return made

    def _begin(self, backend: TokenizerBackend, settings: Settings, *, name_or_path: str, json: bytes | None) -> None:
        defaults = settings.defaults
        for name, token in defaults.tokens.items():
            special_tokens.checked(backend, name, token)
        own: Any = type(self).model_input_names
        if not isinstance(own, property):  # a subclass has them as a class attribute
            defaults = replace(defaults, model_input_names=tuple(own))
        self.__dict__.update({name: getattr(defaults, name) for name in CHECKS})
        self.name_or_path = name_or_path
        self.chat_template = settings.chat_template
        self.verbose = False
        self._config = settings.config
        self._compiled: dict[str, Template] = {}
        self._warn = WarnOnce()
        self._defaults = defaults
        self._use(backend)
        self._json = json  # the tokenizer.json of the backend, where it is at hand

    def _use(self, backend: TokenizerBackend) -> None:
        """Replaces the backend, for example by one with more tokens."""
        self._core = backend
        self._json = None
        self._update_fast_path()

    def _default(self, defaults: Defaults) -> None:
        """Replaces the defaults."""
        self._defaults = defaults
        self._update_fast_path()

    def _update_fast_path(self) -> None:
        names, split = self._defaults.model_input_names, self._defaults.split_special_tokens
        plain = "attention_mask" in names and "token_type_ids" not in names
        self._fast_path = plain and not self._core.is_random() and not split

    def __repr__(self) -> str:
        named = special_tokens.named(self._defaults)
        tokens = ", ".join(f"{name.removesuffix('_token')}={token!r}" for name, token in named.items())
        limit = "no limit" if is_unlimited(self.model_max_length) else f"at most {self.model_max_length} tokens"
        template = "with" if self.chat_template else "without"
        return f"Tokenizer({self.name_or_path!r}: {len(self)} tokens, {tokens}; {limit}; {template} a chat template)"

    def __getstate__(self) -> dict[str, Any]:
        # Chat templates are compiled again when they are used.
        return {**self.__dict__, "_compiled": {}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    def _template(self, source: str) -> Template:
        template = self._compiled.get(source)
        if template is None:
            template = Template(source)
            # One conversation after another uses the same template: a cache of one is enough.
            self._compiled = {source: template}
        return template

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], legacy_format: bool | None = None,
        filename_prefix: str | None = None, push_to_hub: bool = False, *, save_format: str | None = None,
        save_jinja_files: bool = True,
    ) -> tuple[str, ...]:  # fmt: skip
        """Writes tokenizer.json, tokenizer_config.json and the chat templates; returns their paths.

        Another format than tokenizer.json, prefixed names and pushing are refused. `save_jinja_files=False` writes the
        chat templates into tokenizer_config.json.
        """
        from litz.tokenizers import saving

        saving.refuse(legacy_format=legacy_format or None, filename_prefix=filename_prefix or None)
        saving.refuse(push_to_hub=push_to_hub or None, save_format=None if save_format == "hf" else save_format)
        return saving.save(self._core, self._settings(), save_directory, json=self._json, jinja=save_jinja_files)

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes tokenizer.json, in which the vocabulary is, and nothing else; returns its path."""
        from litz.tokenizers import saving

        saving.refuse(filename_prefix=filename_prefix or None)
        return saving.write(save_directory, {"tokenizer.json": self._json or self._core.to_json().encode()})

    def _settings(self) -> Settings:
        return Settings(self._defaults, self.chat_template, self._config)

    @property
    def is_fast(self) -> bool:
        """Whether the compiled core tokenizes, and not the Python backend."""
        return isinstance(self._core, _core.Tokenizer)

    @property
    def backend_tokenizer(self) -> TokenizerBackend:
        """The backend, which has no special token names and no settings."""
        return self._core

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """A copy of the tokenizer_config.json that was read."""
        return copy.deepcopy(dict(self._config))

    # Settings

    def _set_setting(self, name: str, value: Any) -> None:
        if name in CHECKS:
            value = CHECKS[name](value, name)
            object.__setattr__(self, name, value)
            if "_defaults" in self.__dict__:  # or a subclass sets it before its tokenizer is made
                self._default(replace(self._defaults, **{name: value}))
        elif name[:1] == "_" or name in _FREE or hasattr(type(self), name):
            attribute = getattr(type(self), name, None)
            if isinstance(attribute, property) and attribute.fset is None:
                raise ArgumentError(f"{name} follows from the vocabulary and cannot be set")
            object.__setattr__(self, name, value)
        elif name in self._defaults.tokens:
            self._set_token(name, value)
        elif name.endswith("_id") and name[:-3] in self._defaults.tokens:
            self._set_token(name[:-3], None if value is None else vocabulary.token_of(self._core, value))
        elif type(self).__module__.partition(".")[0] != "litz":
            object.__setattr__(self, name, value)  # the settings of a subclass are its own
        else:
            raise ArgumentError(_refusal(type(self), name))

    def _get_named_token(self, name: str) -> Any:
        defaults = self.__dict__.get("_defaults")
        tokens = {} if defaults is None else defaults.tokens
        if name in tokens:
            return tokens[name]
        if name.endswith("_id") and name[:-3] in tokens:
            return self._core.token_to_id(tokens[name[:-3]])
        raise AttributeError(f"this tokenizer has no {name!r}{similar(name, dir(type(self)))}")

    if not TYPE_CHECKING:  # or type checkers would accept every name
        __setattr__ = _set_setting
        __getattr__ = _get_named_token

    def _set_token(self, name: str, token: str | AddedToken | None) -> None:
        self._default(special_tokens.with_named(self._core, self._defaults, {name: token}))

    @property
    def model_input_names(self) -> list[str]:
        """What a call returns without arguments that change it; may be set."""
        return list(self._defaults.model_input_names)

    @model_input_names.setter
    def model_input_names(self, names: Sequence[str]) -> None:
        given = list(names) if isinstance(names, list | tuple) else []
        if not given or not all(isinstance(name, str) for name in given):
            raise ArgumentError(f"model_input_names must be a list of at least one name, found {shown(names)}")
        self._default(replace(self._defaults, model_input_names=tuple(given)))

    @property
    def add_bos_token(self) -> bool:
        """Whether texts begin with `bos_token`; may be set."""
        return end_tokens.is_added(self._core, self._defaults, "add_bos_token")

    @add_bos_token.setter
    def add_bos_token(self, wanted: bool) -> None:
        self._switch("add_bos_token", wanted)

    @property
    def add_eos_token(self) -> bool:
        """Whether texts end with `eos_token`; may be set."""
        return end_tokens.is_added(self._core, self._defaults, "add_eos_token")

    @add_eos_token.setter
    def add_eos_token(self, wanted: bool) -> None:
        self._switch("add_eos_token", wanted)

    def _switch(self, name: str, wanted: bool) -> None:
        backend = end_tokens.switched(self._core, self._defaults, name, wanted)
        if backend is not self._core:
            self._use(backend)

    def update_post_processor(self) -> None:
        """Makes the tokens before and after texts those that `bos_token` and `eos_token` are now."""
        self._use(end_tokens.updated(self._core, self._defaults))

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens a call puts around one text, or around two."""
        return self._core.special_tokens_to_add(pair)

    @property
    def max_len_single_sentence(self) -> int:
        """The model's limit without the special tokens around one text."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=False)

    @property
    def max_len_sentences_pair(self) -> int:
        """The model's limit without the special tokens around two texts."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    # The vocabulary

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
        return vocabulary.added_tokens(self._core)

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return {content: id for id, content, *_ in self._core.added_tokens()}

    def get_added_vocab(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return self.added_tokens_encoder

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int | None: ...
    @overload
    def convert_tokens_to_ids(self, tokens: list[str] | tuple[str, ...]) -> list[int | None]: ...
    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The id of a token, or of each of several; of an unknown one, that of `unk_token` (None without one)."""
        return vocabulary.ids_of(self._core, self._defaults, tokens)

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str | None: ...
    @overload
    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> list[str | None]: ...
    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each of several; None for an id that no token has.

        `skip_special_tokens` leaves out those of `all_special_ids`.
        """
        return vocabulary.tokens_of(self._core, ids, frozenset(self.all_special_ids if skip_special_tokens else ()))

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of tokens, which need not be in the vocabulary."""
        return vocabulary.text_of(self._core, tokens)

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Adds a token or several (str or AddedToken); returns how many are new or matched differently before.

        What is in the vocabulary keeps its id; others get the next ones: give the model as many rows as
        `len(tokenizer)` says.
        """
        given = new_tokens if isinstance(new_tokens, list | tuple) else [new_tokens]
        backend, changed = vocabulary.with_tokens(self._core, given, special=special_tokens)
        if backend is not self._core:
            self._use(backend)
        return changed

    # Special tokens

    def add_special_tokens(
        self, special_tokens_dict: Mapping[str, Any] | Sequence[Any], replace_extra_special_tokens: bool = True
    ) -> int:
        """Adds special tokens: a list of them, or a dict such as {"pad_token": "[PAD]"} that also gives them names.

        The names are bos_token and its like, and extra_special_tokens (or additional_special_tokens) for a list
        without names, which replaces the one before unless it is empty.
        """
        if not isinstance(special_tokens_dict, Mapping):
            return self.add_tokens(list(special_tokens_dict), special_tokens=True)
        backend, defaults, changed = special_tokens.with_special(
            self._core, self._defaults, special_tokens_dict, replace_extra=replace_extra_special_tokens
        )
        if backend is not self._core:
            self._use(backend)
        self._default(defaults)
        return changed

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens by their names in chat templates."""
        return special_tokens.by_name(self._defaults)

    @property
    def additional_special_tokens(self) -> list[str]:
        """Special tokens without a name of their own; may be set."""
        return list(self._defaults.additional)

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Sequence[str | AddedToken] | None) -> None:
        self._default(special_tokens.with_additional(self._core, self._defaults, tokens))

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """The ids of `additional_special_tokens`."""
        return vocabulary.known_ids(self._core, self._defaults.additional)

    extra_special_tokens = additional_special_tokens
    extra_special_tokens_ids = additional_special_tokens_ids

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once, named ones first."""
        return special_tokens.all_tokens(self._defaults)

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`."""
        return special_tokens.all_ids(self._core, self._defaults)


def _refusal(kind: type[TokenizerBase], name: str) -> str:
    if name in _AT_LOADING:
        return f"{name} acts when the tokenizer is loaded: pass it to from_pretrained"
    settable = [attribute for attribute in dir(kind) if _is_settable(getattr(kind, attribute))]
    known = [*CHECKS, *_FREE, *settable]
    return f"{name!r} is no setting of a tokenizer{similar(name, known)}; those of a subclass are its own"


def _is_settable(attribute: Any) -> bool:
    return attribute.fset is not None if isinstance(attribute, property) else hasattr(attribute, "__set__")
