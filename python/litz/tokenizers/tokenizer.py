"""The tokenizer that programs hold: what tokenizes, and what the model's side files say around it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litz import _core
from litz.tokenizers import saving, training
from litz.tokenizers.conversations import Conversations
from litz.tokenizers.core import Core
from litz.tokenizers.settings import NAMED, UNLIMITED, Settings, Side


class Tokenizer(Conversations):
    """Text to ids and back, and conversations by chat template.

    `pad_token`, `padding_side`, `chat_template` and the like are attributes that may be set; `add_tokens` adds to the
    vocabulary. Calls are safe from several threads and after a fork; do not change it while others use it.
    """

    def __init__(
        self,
        core: Core,
        settings: Settings,
        *,
        name_or_path: str = "",
        cleans: bool = False,
        json: bytes | None = None,
    ) -> None:
        self._settings = settings
        self._tokens: dict[str, str] = {}
        self._extra = list(settings.additional)
        self._compiled: dict[str, _core.Template] = {}
        self._warned = False
        self.name_or_path = name_or_path
        self.chat_template = settings.chat_template
        self.padding_side: Side = settings.padding_side
        self.truncation_side: Side = settings.truncation_side
        self.model_max_length = settings.model_max_length
        self.clean_up_tokenization_spaces = cleans
        self.pad_token_type_id = 0
        names = settings.config.get("model_input_names") or ["input_ids", "attention_mask"]
        self._input_names = [str(name) for name in names]
        self._use(core)
        self._json = json
        for name, token in settings.tokens.items():
            setattr(self, f"{name}_token", token)

    def __repr__(self) -> str:
        tokens = ", ".join(f"{name}={self._tokens[name]!r}" for name in NAMED if name in self._tokens)
        limit = "no limit" if self.model_max_length >= UNLIMITED else f"at most {self.model_max_length} tokens"
        template = "with" if self.chat_template else "without"
        return f"Tokenizer({self.name_or_path!r}: {len(self)} tokens, {tokens}; {limit}; {template} a chat template)"

    def __getstate__(self) -> dict[str, Any]:
        # Chat templates are compiled again when they are used.
        return {**self.__dict__, "_compiled": {}}

    def _use(self, core: Core) -> None:
        self._core = core
        self._fast = core if isinstance(core, _core.Tokenizer) else None
        self._json = None
        self._look()

    @property
    def is_fast(self) -> bool:
        """Whether the compiled core tokenizes, and not the one that is written to be read."""
        return self._fast is not None

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
        return training.train_new_from_iterator(
            self, text_iterator, vocab_size, length=length, new_special_tokens=new_special_tokens,
            special_tokens_map=special_tokens_map, show_progress=show_progress,
        )  # fmt: skip

    # Files

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Writes tokenizer.json, tokenizer_config.json and the chat templates; returns their paths."""
        data = self._core.to_json().encode() if self._json is None else self._json
        return saving.save(self, data, self._settings.config, save_directory)
