"""The tokenizer that programs hold: the compiled core, and what the model's side files say around it."""

import os

from litz import _core
from litz.errors import UnsupportedError
from litz.tokenizers import saving
from litz.tokenizers.conversations import Conversations
from litz.tokenizers.settings import NAMED, UNLIMITED, Settings, Side


class Tokenizer(Conversations):
    """Text to ids and back, and conversations by chat template.

    The vocabulary never changes; `pad_token`, `padding_side`, `chat_template` and the like are attributes that may be
    set. Safe to use from several threads.
    """

    is_fast = True

    def __init__(
        self,
        core: _core.Tokenizer,
        settings: Settings,
        *,
        name_or_path: str = "",
        cleans: bool = False,
        json: bytes | None = None,
    ) -> None:
        self._core = core
        self._settings = settings
        self._json = json
        self._tokens: dict[str, str] = {}
        self._compiled: dict[str, _core.Template] = {}
        self.name_or_path = name_or_path
        self.chat_template = settings.chat_template
        self.padding_side: Side = settings.padding_side
        self.truncation_side: Side = settings.truncation_side
        self.model_max_length = settings.model_max_length
        self.clean_up_tokenization_spaces = cleans
        for name, token in settings.tokens.items():
            setattr(self, f"{name}_token", token)

    def __repr__(self) -> str:
        tokens = ", ".join(f"{name}={self._tokens[name]!r}" for name in NAMED if name in self._tokens)
        limit = "no limit" if self.model_max_length >= UNLIMITED else f"at most {self.model_max_length} tokens"
        template = "with" if self.chat_template else "without"
        return f"Tokenizer({self.name_or_path!r}: {len(self)} tokens, {tokens}; {limit}; {template} a chat template)"

    # Files

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Writes tokenizer.json, tokenizer_config.json and the chat templates; returns their paths."""
        if self._json is None:
            raise UnsupportedError("a tokenizer that came from a GGUF file cannot be saved as tokenizer.json yet")
        return saving.save(self, self._json, self._settings.config, save_directory)
