"""A loaded model with its tokenizer: streams the answer to messages or a text, counted and timed."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from litz.cli.background import Background
from litz.errors import ArgumentError, ContextError

if TYPE_CHECKING:
    from litz.generation import GenerationConfig

Message = dict[str, str]
NOTHING: Mapping[int, str] = MappingProxyType({})
QUIET = {"verbose": False}  # the command prints its own message for prompts longer than the context
CHAT_DEFAULT = "chat default"
CHAT_TOKENS = 1024  # the default length of a chat's answer
THINKING_TOKENS = 4096  # for models that think first


@dataclass
class Stats:
    """Counts and times of one answer."""

    prompt: int = 0
    answer: int = 0
    first: float = 0.0
    total: float = 0.0
    finish: str = ""  # "length" (as requested), "cap" (the default length), "context", "loop"; "": the model ended

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
        if context is not None and context > model.spec.context:
            raise ArgumentError(f"--context {context}: this model has a context of {model.spec.context} tokens at most")
        self.context: int = context or model.spec.context
        self.template_variables: dict[str, object] = {}  # variables of the chat template beside the messages
        self.stats = Stats()

    def samples(self) -> bool:
        """Whether tokens are sampled, so that answers differ."""
        layers = [self.parameters, *(vars(config) for config in (self.model.generation_config, *self.fallbacks()))]

        def first(name: str) -> Any:
            return next((values[name] for values in layers if values.get(name) is not None), None)

        return bool(first("do_sample")) and first("temperature") != 0

    def fallbacks(self) -> list["GenerationConfig"]:
        """Defaults of a chat behind the session's parameters and the model's files, the strongest first."""
        from litz.generation import GenerationConfig
        from litz.generation.recommended import DEFAULT_SAMPLING, recommended_configs

        sampling = self.parameters.get("do_sample") is not False
        known = recommended_configs(self.model, thinking=self._thinks(), sampling=sampling)
        switched = self.model.recommended is not None and self.model.recommended.without_thinking is not None
        most = THINKING_TOKENS if switched and self._thinks() else CHAT_TOKENS
        return [*known, GenerationConfig(max_new_tokens=most, **DEFAULT_SAMPLING, source=CHAT_DEFAULT)]

    def _thinks(self) -> bool:
        """Whether the model may reason first: no template variable is off."""
        return False not in self.template_variables.values()

    def explanation(self) -> str:
        """The parameters in effect, and the origin of each."""
        from litz.generation import explain_generation

        return str(explain_generation(self.model, fallbacks=self.fallbacks(), **self.parameters))

    def chat(self, messages: list[Message]) -> Iterator[str]:
        """The answer to a conversation; it ends in a loop, or after CHAT_TOKENS by default."""
        from litz.cli.chat.reasoning import mark_ids
        from litz.generation.loops import LoopWatch

        prompt = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenizer_kwargs=QUIET, **self.template_variables
        )
        watch = LoopWatch()
        with closing(self._stream(list(prompt), self.fallbacks(), said=mark_ids(self.tokenizer))) as pieces:
            for piece in pieces:
                yield piece
                if watch.add(piece):
                    self.stats.finish = "loop"
                    return

    def complete(self, text: str) -> Iterator[str]:
        """The continuation of a text."""
        ids = list(self.tokenizer.encode(text, **QUIET))
        if not ids:
            raise ArgumentError("the prompt is empty, and this model has no token that begins a text: give some text")
        return self._stream(ids)

    def _stream(
        self, ids: list[int], fallbacks: Sequence["GenerationConfig"] = (), *, said: Mapping[int, str] = NOTHING
    ) -> Generator[str]:
        room = self.context - len(ids)
        if room < 1:
            raise ContextError(
                f"{len(ids)} tokens do not fit into the context of {self.context}, with one left for the answer"
            )
        requested = self.parameters.get("max_new_tokens")
        configs = (self.model.generation_config, *fallbacks) if fallbacks else ()
        most = next((config.max_new_tokens for config in configs if config.max_new_tokens is not None), room)
        limit = min(room, requested or most)
        stats = self.stats = Stats(prompt=len(ids))
        started = time.perf_counter()
        stream = self.model.stream(
            [ids], attention_mask=[[1] * len(ids)], tokenizer=self.tokenizer,
            **{**self.parameters, "max_new_tokens": limit, **({"fallbacks": fallbacks} if fallbacks else {})},
        )  # fmt: skip
        try:
            for token in stream:
                stats.answer += 1
                stats.total = time.perf_counter() - started
                stats.first = stats.first or stats.total
                if token.finish_reason == "length":
                    stats.finish = "length" if limit == requested else "context" if limit == room else "cap"
                text = token.text + said.get(token.id, "")
                if text:
                    yield text
        finally:
            stream.close()


def load(source: str, *, threads: int | None, context: int | None, exact: bool, parameters: dict[str, Any]) -> Engine:
    """Resolve a source once, then load its tokenizer and its model; `exact` means activations in full floats."""
    from litz import hub
    from litz.models.auto import AutoModelForCausalLM, AutoTokenizer

    files = hub.resolve(source, want="model")
    path = files.gguf or files.root
    activations: Literal["auto", "f32"] = "f32" if exact else "auto"
    model = Background(lambda: AutoModelForCausalLM.from_pretrained(path, threads=threads, activations=activations))
    tokenizer = AutoTokenizer.from_pretrained(path)
    return Engine(tokenizer, model.result(), parameters, context)
