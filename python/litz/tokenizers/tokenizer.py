"""The tokenizer that programs hold: what tokenizes, and what the model's side files say around it."""

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack, cast

from litz import _core
from litz.errors import ArgumentError
from litz.hub.where import with_where_signature
from litz.tokenizers import building, saving
from litz.tokenizers.attributes import Attributes
from litz.tokenizers.core import Core
from litz.tokenizers.settings import Settings, Side, is_unlimited

if TYPE_CHECKING:
    from litz.arguments.keywords import TokenizerOptions, TokenizerSettings


class Tokenizer(Attributes):
    """Text to ids and back, and conversations by chat template.

    `pad_token`, `padding_side`, `chat_template` and the like are attributes that may be set; a name that is no setting
    is ArgumentError. `add_tokens` adds to the vocabulary. Calls are safe from several threads and after a fork; do not
    change it while others use it.
    """

    padding_side: Side
    truncation_side: Side
    reads_as: ClassVar[str | None] = None  # the class whose keys act, where it is not the one that the files name

    def __init__(
        self, *, tokenizer_file: Any = None, tokenizer_object: Any = None, **settings: "Unpack[TokenizerSettings]"
    ) -> None:
        """A tokenizer from a tokenizer.json, or from an object of the `tokenizers` library or of litz's core.

        `settings` are keys of tokenizer_config.json, such as `pad_token` or `model_max_length`.
        """
        core, made, json = building.built(tokenizer_file, tokenizer_object, settings)
        self._begin(core, made, name_or_path=str(settings.get("name_or_path", "")), json=json)
        building.surround(self, settings)

    @classmethod
    def of(cls, core: Core, settings: Settings, *, name_or_path: str = "", json: bytes | None = None) -> Self:
        """A tokenizer on a core that has all tokens that the settings name."""
        made = cls.__new__(cls)
        made._begin(core, settings, name_or_path=name_or_path, json=json)
        return made

    def _begin(self, core: Core, settings: Settings, *, name_or_path: str, json: bytes | None) -> None:
        self._settings = settings
        self._tokens: dict[str, str] = {}
        self._extra = list(settings.additional)
        self._compiled: dict[str, _core.Template] = {}
        self._warned: set[str] = set()
        self.name_or_path = name_or_path
        self.verbose = False
        self.chat_template = settings.chat_template
        self.padding_side = settings.padding_side
        self.truncation_side = settings.truncation_side
        self.model_max_length = settings.model_max_length
        self.clean_up_tokenization_spaces = settings.clean_up
        self.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output = settings.clean_up_bpe
        self.split_special_tokens = settings.split_special_tokens
        self.pad_token_type_id = 0
        self._input_names = list(settings.input_names)
        self._use(core)
        self._json = json
        for name, token in settings.tokens.items():
            self._name(name, token)

    @classmethod
    @with_where_signature
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        use_fast: bool = True,
        **options: "Unpack[TokenizerOptions]",
    ) -> Self:
        """The tokenizer of a model, as `AutoTokenizer.from_pretrained` gives it."""
        from litz.tokenizers import loading

        made = loading.from_pretrained(pretrained_model_name_or_path, use_fast=use_fast, kind=cls, **options)
        return cast("Self", made)

    def __repr__(self) -> str:
        tokens = ", ".join(f"{name.removesuffix('_token')}={token!r}" for name, token in self._named().items())
        limit = "no limit" if is_unlimited(self.model_max_length) else f"at most {self.model_max_length} tokens"
        template = "with" if self.chat_template else "without"
        return f"Tokenizer({self.name_or_path!r}: {len(self)} tokens, {tokens}; {limit}; {template} a chat template)"

    def __getstate__(self) -> dict[str, Any]:
        # Chat templates are compiled again when they are used.
        return {**self.__dict__, "_compiled": {}}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    def _use(self, core: Core) -> None:
        self._core = core
        self._fast = core if isinstance(core, _core.Tokenizer) else None
        self._is_bpe = core.model_type() == "BPE"
        self._json = None
        self._look()

    @property
    def is_fast(self) -> bool:
        """Whether the compiled core tokenizes, and not the one that is written to be read."""
        return self._fast is not None

    @property
    def backend_tokenizer(self) -> Core:
        """What tokenizes, without names and settings."""
        return self._core

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """A copy of what tokenizer_config.json said."""
        return copy.deepcopy(dict(self._settings.config))

    def train_new_from_iterator(
        self,
        text_iterator: Iterable[Any],
        vocab_size: int,
        length: int | None = None,
        new_special_tokens: Sequence[Any] | None = None,
        special_tokens_map: Mapping[str, str] | None = None,
        *,
        show_progress: bool = True,
    ) -> "Tokenizer":
        """A tokenizer like this one, with the vocabulary of another corpus: texts, or lists of texts.

        Its special tokens stay, renamed as `special_tokens_map` says. `length`, the number of texts, is for the
        progress bar. The corpus is streamed: see `litz.tokenizers.train` for its memory.
        """
        from litz.tokenizers import training

        return training.train_new_from_iterator(
            self, text_iterator, vocab_size, length=length, new_special_tokens=new_special_tokens,
            special_tokens_map=special_tokens_map, show_progress=show_progress,
        )  # fmt: skip

    # Files

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
        *,
        save_format: str | None = None,
        save_jinja_files: bool = True,
    ) -> tuple[str, ...]:
        """Writes tokenizer.json, tokenizer_config.json and the chat templates; returns their paths.

        Another format than tokenizer.json, prefixed names and pushing are refused. `save_jinja_files=False` writes the
        chat templates into tokenizer_config.json.
        """
        _refuse(legacy_format=legacy_format or None, filename_prefix=filename_prefix or None)
        _refuse(push_to_hub=push_to_hub or None, save_format=None if save_format == "hf" else save_format)
        data = self._core.to_json().encode() if self._json is None else self._json
        return saving.save(self, data, self._settings.config, save_directory, jinja=save_jinja_files)

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Writes tokenizer.json, in which the vocabulary is, and nothing else; returns its path."""
        _refuse(filename_prefix=filename_prefix or None)
        data = self._core.to_json().encode() if self._json is None else self._json
        return saving.write(save_directory, {"tokenizer.json": data})


def _refuse(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ArgumentError(
                f"{name}={value!r} is not done by this release: it writes tokenizer.json and the files beside it into "
                "a folder"
            )
