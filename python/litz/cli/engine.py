"""A loaded model that answers: from messages or a text to pieces of text, counted and timed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from litz.cli.background import Background
from litz.errors import ArgumentError, ContextError

Message = dict[str, str]


@dataclass
class Stats:
    """What one answer took."""

    prompt: int = 0
    answer: int = 0
    first: float = 0.0
    total: float = 0.0
    finish: str = ""

    def __str__(self) -> str:
        rest = self.total - self.first
        decode = f", {(self.answer - 1) / rest:.1f} tokens/s" if self.answer > 1 and rest > 0 else ""
        prefill = f", {self.prompt / self.first:.1f} tokens/s" if self.first > 0 else ""
        return (
            f"[prompt: {self.prompt} tokens in {self.first:.2f} s{prefill}; "
            f"answer: {self.answer} tokens in {rest:.2f} s{decode}]"
        )


class Engine:
    """A tokenizer and a model with the parameters of this session, which may change between answers."""

    def __init__(self, tokenizer: Any, model: Any, parameters: dict[str, Any], context: int | None = None) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self.parameters = parameters
        self.context: int = min(context or model.spec.context, model.spec.context)
        self.stats = Stats()

    def samples(self) -> bool:
        """Whether answers differ from one time to the next."""
        chosen = self.parameters.get("do_sample", self.model.generation_config.do_sample)
        return bool(chosen) and self.parameters.get("temperature") != 0

    def explanation(self) -> str:
        """The parameters that count, and where each comes from."""
        from litz.generation import explain_generation

        return str(explain_generation(self.model, **self.parameters))

    def chat(self, messages: list[Message]) -> Iterator[str]:
        """The answer to a conversation."""
        return self._stream(list(self.tokenizer.apply_chat_template(messages, add_generation_prompt=True)))

    def complete(self, text: str) -> Iterator[str]:
        """What follows a text."""
        ids = list(self.tokenizer.encode(text))
        if not ids:
            raise ArgumentError("the prompt is empty, and this model has no token that begins a text: give some text")
        return self._stream(ids)

    def _stream(self, ids: list[int]) -> Iterator[str]:
        room = self.context - len(ids)
        if room < 1:
            raise ContextError(
                f"{len(ids)} tokens do not fit into the context of {self.context}, with one left for the answer"
            )
        asked = self.parameters.get("max_new_tokens")
        limit = min(room, asked or room)
        stats = self.stats = Stats(prompt=len(ids))
        started = time.perf_counter()
        stream = self.model.stream(
            [ids], attention_mask=[[1] * len(ids)], tokenizer=self.tokenizer,
            **{**self.parameters, "max_new_tokens": limit},
        )  # fmt: skip
        try:
            for token in stream:
                stats.answer += 1
                stats.total = time.perf_counter() - started
                stats.first = stats.first or stats.total
                if token.finish_reason == "length":
                    stats.finish = "length" if limit == asked else "context"
                if token.text:
                    yield token.text
        finally:
            stream.close()


def load(source: str, *, threads: int | None, context: int | None, exact: bool, parameters: dict[str, Any]) -> Engine:
    """Resolve a source once, then load its tokenizer and its model; `exact` means activations in full floats."""
    from litz import hub
    from litz.auto import AutoModelForCausalLM, AutoTokenizer

    files = hub.resolve(source, want="model")
    path = files.gguf or files.root
    activations: Literal["auto", "f32"] = "f32" if exact else "auto"
    model = Background(lambda: AutoModelForCausalLM.from_pretrained(path, threads=threads, activations=activations))
    tokenizer = AutoTokenizer.from_pretrained(path)
    return Engine(tokenizer, model.result(), parameters, context)
