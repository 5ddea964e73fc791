"""The text-generation pipeline: prompts or conversations in, continuations out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from litz.arguments.mistaken import described, is_model
from litz.errors import ArgumentError, UnknownArgumentError
from litz.generation.config import named
from litz.generation.parameters import FOREIGN, GenerationParameters
from litz.generation.recommended import DEFAULT_SAMPLING, recommended_configs
from litz.generation.resolve import ARGUMENT, MODEL, Layer, hint_for
from litz.generation.run import Row, collect, errors_sent_to, fallback_layers, start
from litz.hub.where import WhereArguments
from litz.numbers import integer

if TYPE_CHECKING:
    from litz.generation.streamers import Streams
    from litz.models.native import NativeCausalLM
    from litz.tokenizers import Tokenizer
    from litz.tokenizers.signatures import Conversation

PIPELINE = "pipeline argument"
DEFAULT = "pipeline default"
# transformers' defaults for what neither the user nor the model's files nor its card set.
_DEFAULTS: dict[str, Any] = {"max_new_tokens": 256, **DEFAULT_SAMPLING}

Message = dict[str, Any]


class PipelineParameters(GenerationParameters, total=False):
    """Generation parameters, and what this pipeline adds to them."""

    return_full_text: bool | None
    return_tensors: bool | None
    return_text: bool | None
    prefix: str | None
    stop_sequence: str | Sequence[str] | None
    tools: Sequence[Any] | None
    documents: Sequence[dict[str, str]] | None
    continue_final_message: bool | None
    add_special_tokens: bool | None
    skip_special_tokens: bool | None
    clean_up_tokenization_spaces: bool | None
    tokenizer_encode_kwargs: dict[str, Any] | None
    streamer: "Streams | None"
    batch_size: int | None


class PipelineOptions(WhereArguments, PipelineParameters, total=False):
    """Arguments of pipeline() for this task, beside the model and the tokenizer."""


_OPTIONS = frozenset(PipelineParameters.__annotations__) - frozenset(GenerationParameters.__annotations__)

_HINTS = {
    **dict.fromkeys(("text", "texts", "inputs", "prompt", "messages"), "pass what it reads first, without a name"),
    **dict.fromkeys(("model", "tokenizer"), "it is chosen once: pass it to pipeline(...)"),
}


def refuse_unknown(parameters: Mapping[str, Any], also: Sequence[str] = ()) -> None:
    """UnknownArgumentError for an unknown name; `also` are further names to suggest."""
    for name in parameters:
        if name not in PipelineParameters.__annotations__ and name not in FOREIGN:
            hint = _HINTS.get(name) or hint_for(name, [*_OPTIONS, *also])
            raise UnknownArgumentError(f"{name} is no parameter of this pipeline; {hint}")


class Generated(dict[str, Any]):
    """One result, {"generated_text": ...}, with the new text alone and the reason why it ended."""

    text: str  # the new text, with any return_full_text
    finish_reason: str  # "eos", "stop", "length" or "time"
    context_limited: bool  # whether that "length" was the model's context


@dataclass(frozen=True)
class _Prompt:
    """One input, the tokens that the model reads of it, and whether they leave its last message open."""

    given: str | list[Message]
    ids: list[int]
    open_end: bool


class TextGenerationPipeline:
    """Continues texts and conversations; made by `pipeline("text-generation", ...)`.

    Its `model` and `tokenizer` may be used by themselves. The arguments of a call override those of the construction,
    these the model's generation config, this the recommended values of a well-known model (`model.recommended`), and
    these the defaults: 256 new tokens sampled at temperature 0.7.
    """

    task = "text-generation"

    model: "NativeCausalLM"
    tokenizer: "Tokenizer"

    def __init__(
        self, model: "NativeCausalLM", tokenizer: "Tokenizer", **parameters: Unpack[PipelineParameters]
    ) -> None:
        if not hasattr(model, "_core") or not is_model(model):
            raise ArgumentError(f"model must be one that litz has loaded, found {described(model)}")
        if is_model(tokenizer):
            raise ArgumentError(f"tokenizer must be a tokenizer, found {described(tokenizer)}")
        refuse_unknown(parameters)
        self.model = model
        self.tokenizer = tokenizer
        self._parameters: Mapping[str, Any] = dict(parameters)

    @property
    def device(self) -> Any:
        """Where the model computes."""
        return self.model.device

    @overload
    def __call__(
        self, text_inputs: "str | Conversation", **parameters: Unpack[PipelineParameters]
    ) -> list[Generated]: ...
    @overload
    def __call__(
        self,
        text_inputs: list[str] | tuple[str, ...] | list[list[Message]] | list[list[dict[str, str]]],
        **parameters: Unpack[PipelineParameters],
    ) -> list[list[Generated]]: ...
    @overload
    def __call__(
        self, text_inputs: Iterator["str | Conversation"], **parameters: Unpack[PipelineParameters]
    ) -> Iterator[list[Generated]]: ...
    @overload
    def __call__(self, text_inputs: Iterable[Any], **parameters: Unpack[PipelineParameters]) -> Any: ...
    def __call__(self, text_inputs: Any = None, **parameters: Unpack[PipelineParameters]) -> Any:
        """Results in the shape of the input.

        A string, or one conversation (a list of messages with role and content), gives a list of results, one for
        each of `num_return_sequences`. A list of strings or conversations runs as one batch and gives a list of such
        lists. Any other iterable gives an iterator of such lists, read `batch_size` inputs at a time.

        A result is {"generated_text": ...}: the prompt with its continuation, or the conversation with the assistant's
        message added; with `return_full_text=False` the new text alone. The input is never changed.
        """
        call = _Call(self, parameters)
        if isinstance(text_inputs, str) or _is_conversation(text_inputs):
            return call.run([text_inputs])[0]
        if isinstance(text_inputs, (list, tuple)):
            return call.run(text_inputs) if text_inputs else []
        if isinstance(text_inputs, Iterable) and not isinstance(text_inputs, (Mapping, bytes, bytearray)):
            return call.lazily(text_inputs)
        found = described(text_inputs)
        hint = "; put it into a list" if found == "a message" else ""
        raise ArgumentError(
            f"text_inputs must be a string, a list of messages, or several of them; found {found}{hint}"
        )


class _Call:
    """One call's options and layers of parameters."""

    def __init__(self, pipe: TextGenerationPipeline, parameters: Mapping[str, Any]) -> None:
        refuse_unknown(parameters)
        self.model, self.tokenizer = pipe.model, pipe.tokenizer
        both = (parameters, pipe._parameters)
        given = [{name: value for name, value in layer.items() if name in _OPTIONS} for layer in both]
        self.options = {**given[1], **given[0]}
        requested = next((layer["do_sample"] for layer in both if layer.get("do_sample") is not None), True)
        self.layers = [
            *(Layer(origin, self._generation(layer)) for origin, layer in zip((ARGUMENT, PIPELINE), both, strict=True)),
            Layer(MODEL, named(self.model.generation_config), where=self.model.generation_config.source),
            *fallback_layers(recommended_configs(self.model, sampling=bool(requested))),
            Layer(DEFAULT, _DEFAULTS),
        ]
        self._check()

    @staticmethod
    def _generation(layer: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in layer.items() if name not in _OPTIONS}
        if layer.get("stop_sequence") is not None:
            values.setdefault("stop_strings", layer["stop_sequence"])
        return values

    def _check(self) -> None:
        forms = ("return_full_text", "return_tensors", "return_text")
        given = [name for name in forms if self.options.get(name) is not None]
        if len(given) > 1:
            raise ArgumentError(f"{' and '.join(given)} exclude each other; pass one of them")
        if self.options.get("batch_size") is not None:
            self.options["batch_size"] = integer(self.options["batch_size"], "batch_size", least=1)

    def lazily(self, inputs: Iterable[Any]) -> Iterator[list[Generated]]:
        """Results of ever more inputs, a batch at a time."""
        batch: list[Any] = []
        for item in inputs:
            batch.append(item)
            if len(batch) >= (self.options.get("batch_size") or 1):
                yield from self.run(batch)
                batch = []
        yield from self.run(batch)

    def run(self, inputs: Sequence[Any]) -> list[list[Generated]]:
        """The results of each input."""
        streamer = self.options.get("streamer")
        with errors_sent_to(streamer):
            prompts = [self._prompt(given) for given in inputs]
            stops = any(layer.values.get("stop_strings") for layer in self.layers)
            ids = [prompt.ids for prompt in prompts]
            run = start(
                self.model,
                ids,
                [[1] * len(row) for row in ids],
                self.tokenizer if stops else None,
                self.layers,
                batch_size=self.options.get("batch_size"),
            )
            rows = collect(run, streamer)
        copies = len(rows) // max(len(prompts), 1)
        return [
            [self._result(prompt, row) for row in rows[place * copies : (place + 1) * copies]]
            for place, prompt in enumerate(prompts)
        ]

    def _prompt(self, given: Any) -> _Prompt:
        more = self.options.get("tokenizer_encode_kwargs") or {}
        if isinstance(given, str):
            special = self.options.get("add_special_tokens")
            if special is not None:
                more = {"add_special_tokens": special, **more}
            prefix = self.options.get("prefix")
            text = prefix + given if prefix else given  # a rendered chat stays one only as it is
            return _Prompt(given, list(self.tokenizer(text, **more)["input_ids"]), open_end=True)
        messages = _messages(given)
        open_end = self.options.get("continue_final_message")
        if open_end is None:
            open_end = messages[-1]["role"] == "assistant"
        for name in ("tools", "documents"):
            if self.options.get(name) is not None:
                more = {name: self.options[name], **more}
        ids = self.tokenizer.apply_chat_template(
            messages, tokenize=True, add_generation_prompt=not open_end, continue_final_message=open_end, **more
        )
        return _Prompt(messages, list(ids), open_end)

    def _result(self, prompt: _Prompt, row: Row) -> Generated:
        clean = self.options.get("clean_up_tokenization_spaces")
        more = {} if clean is None else {"clean_up_tokenization_spaces": clean}
        skip = self.options.get("skip_special_tokens")
        text = str(self.tokenizer.decode(row.ids, skip_special_tokens=skip is None or skip, **more))
        if self.options.get("return_tensors"):
            result = Generated(generated_token_ids=prompt.ids + row.ids)
        elif self.options.get("return_full_text") is False:
            result = Generated(generated_text=text)
        else:
            result = Generated(generated_text=_full(prompt, text))
        result.text, result.finish_reason, result.context_limited = text, row.finish_reason, row.context_limited
        return result


def _full(prompt: _Prompt, text: str) -> str | list[Message]:
    """The prompt with its continuation; a conversation that is left open ends in its last message, continued."""
    if isinstance(prompt.given, str):
        return prompt.given + text
    messages = [dict(message) for message in prompt.given]
    if not prompt.open_end:
        return [*messages, {"role": "assistant", "content": text}]
    messages[-1]["content"] += text
    return messages


def _is_conversation(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and bool(inputs) and isinstance(inputs[0], Mapping)


def _messages(given: Any) -> list[Message]:
    if not _is_conversation(given):
        raise ArgumentError(f"expected a string or a list of messages, found {given!r:.80}")
    for place, message in enumerate(given):
        if not isinstance(message, Mapping) or "role" not in message or not {"content", "tool_calls"} & message.keys():
            raise ArgumentError(f"message {place} must be a dict with role and content, found {message!r:.80}")
    return [dict(cast("Mapping[str, Any]", message)) for message in given]
