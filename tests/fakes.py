"""A model and a tokenizer without mathematics: the answer is a script, a token is a word."""

import os
import time
from dataclasses import dataclass
from types import SimpleNamespace

from litz.errors import ArgumentError
from litz.generation import GenerationConfig


@dataclass(frozen=True)
class Token:
    row: int
    id: int
    text: str
    finish_reason: str | None


class FakeTokenizer:
    chat_template = "a template"

    def __init__(self):
        self.seen = []
        self._core = SimpleNamespace(added_tokens=list)

    def apply_chat_template(
        self, messages, *, add_generation_prompt, tokenize=True, tokenizer_kwargs=None, **variables
    ):
        assert add_generation_prompt
        if variables and "enable_thinking" not in self.chat_template:
            raise ArgumentError(f"this chat template does not read {next(iter(variables))!r}")
        if not tokenize:
            return self.chat_template.format(**variables) if variables else self.chat_template
        self.variables = variables
        self.seen.append([dict(message) for message in messages])
        return [0] * sum(len(message["content"].split()) + 1 for message in messages)

    def encode(self, text, *, verbose=True):
        return [0] * len(text.split())


class FakeModel:
    """Generates its script, one word a token.

    `None` in it is Ctrl-C, a number a pause in seconds, bytes are written to the terminal as they
    are: a sign for the test that the model has come so far.
    """

    def __init__(self, *scripts, context=1000):
        self.spec = SimpleNamespace(context=context)
        self.generation_config = GenerationConfig()
        self.recommended = None
        self.scripts = list(scripts)
        self.calls = []

    def stream(self, input_ids, *, tokenizer, max_new_tokens, attention_mask=None, fallbacks=(), **parameters):
        self.calls.append({"prompt": len(input_ids[0]), "max_new_tokens": max_new_tokens, **parameters})
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        said = 0
        for item in script:
            if item is None:
                raise KeyboardInterrupt
            if isinstance(item, bytes):
                os.write(1, item)
                continue
            if isinstance(item, Exception):
                raise item
            if isinstance(item, (int, float)):
                time.sleep(item)
                continue
            said += 1
            yield Token(0, said, item, "length" if said == max_new_tokens else None)
            if said == max_new_tokens:
                return
