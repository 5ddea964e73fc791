"""generate and stream: the public functions over any model that has an executor."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from litz import _core, log
from litz.arguments.mistaken import described, is_model
from litz.config import Config
from litz.errors import ArgumentError, UnsupportedError
from litz.generation.config import GenerationConfig, named
from litz.generation.executor import GenerativeModel
from litz.generation.inputs import Prompts, as_kind, read_prompts
from litz.generation.lengths import limited, warn_if_defaulted
from litz.generation.outputs import GenerationOutput, Token
from litz.generation.parameters import GenerationOptions, GenerationParameters
from litz.generation.resolve import ARGUMENT, CONFIG, FALLBACK, MODEL, Layer, Resolved, resolve

if TYPE_CHECKING:
    from litz.arrays import Listable
    from litz.generation.streamers import Streams
    from litz.tokenizers import Tokenizer

# The kind of inputs and results: torch tensors or numpy arrays.
Array = TypeVar("Array", bound="Listable")

# How many tokens of each row one call of the core generates, where no caller waits for each.
_UNWATCHED = 1024


@dataclass(frozen=True)
class Run:
    """A run of the core with what it was started from."""

    core: Any
    prompts: Prompts
    parameters: Resolved
    rows: int
    readable: bool

    def tokens(self, at_once: int) -> Generator[Token]:
        """Tokens as they are generated, `at_once` of each row at a time; leaving the loop ends the run."""
        try:
            while events := self.core.advance(at_once):
                for row, token, finish in events:
                    text = self.core.take_text(row) if self.readable else None
                    reason = "length" if finish == "context" else finish
                    yield Token(row, token, text, reason, context_limited=finish == "context")
        finally:
            self.core.cancel()


@dataclass
class Row:
    """One result, collected."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    finish_reason: str = ""
    context_limited: bool = False


def start(
    model: GenerativeModel,
    input_ids: Any,
    attention_mask: Any,
    tokenizer: Any,
    layers: list[Layer],
    *,
    batch_size: int | None = None,
) -> Run:
    """Checks the arguments and prepares a run of the core; `layers` are the parameters, the strongest first."""
    parameters = limited(resolve(layers))
    eos = parameters.get("eos_token_id") or []
    bos = parameters.get("bos_token_id")
    special = [*eos, *([] if bos is None else [bos])]
    prompts = read_prompts(input_ids, attention_mask, bos=bos, pad=parameters.get("pad_token_id"), special=special)
    params_json = parameters.to_json(batch_size=batch_size)
    core = _core.Generation(model.executor, prompts.read, params_json, _core_tokenizer(tokenizer))
    warn_if_defaulted(parameters)
    log.debug("generation", "prompts of %s tokens, %s", [len(row) for row in prompts.read], params_json)
    rows = len(prompts.read) * (parameters.get("num_return_sequences") or 1)
    return Run(core, prompts, parameters, rows, tokenizer is not None)


@overload  # by position, so that `**inputs` matches the last one alone
def generate(
    model: GenerativeModel,
    input_ids: Sequence[Sequence[int]],
    /,
    generation_config: GenerationConfig | None = None,
    *,
    attention_mask: Any = None,
    streamer: "Streams | None" = None,
    tokenizer: "Tokenizer | None" = None,
    token_type_ids: Any = None,
    return_dict_in_generate: Literal[False] | None = None,
    **parameters: Unpack[GenerationOptions],
) -> list[list[int]]: ...
@overload
def generate(
    model: GenerativeModel,
    input_ids: Any,
    /,
    generation_config: GenerationConfig | None = None,
    *,
    attention_mask: Any = None,
    streamer: "Streams | None" = None,
    tokenizer: "Tokenizer | None" = None,
    token_type_ids: Any = None,
    return_dict_in_generate: Literal[True],
    **parameters: Unpack[GenerationOptions],
) -> GenerationOutput: ...
@overload
def generate(
    model: GenerativeModel,
    input_ids: Array,
    /,
    generation_config: GenerationConfig | None = None,
    *,
    attention_mask: Any = None,
    streamer: "Streams | None" = None,
    tokenizer: "Tokenizer | None" = None,
    token_type_ids: Any = None,
    return_dict_in_generate: Literal[False] | None = None,
    **parameters: Unpack[GenerationOptions],
) -> Array: ...
@overload
def generate(
    model: GenerativeModel,
    input_ids: Any = None,
    generation_config: GenerationConfig | None = None,
    *,
    attention_mask: Any = None,
    streamer: "Streams | None" = None,
    tokenizer: "Tokenizer | None" = None,
    inputs: Any = None,
    token_type_ids: Any = None,
    return_dict_in_generate: bool | None = None,
    **parameters: Unpack[GenerationOptions],
) -> Any: ...
def generate(
    model: GenerativeModel,
    input_ids: Any = None,
    generation_config: GenerationConfig | None = None,
    *,
    attention_mask: Any = None,
    streamer: Any = None,
    tokenizer: Any = None,
    inputs: Any = None,
    token_type_ids: Any = None,
    **parameters: Unpack[GenerationParameters],
) -> Any:
    """Continues each prompt: (rows, time) ids, prompts included, as torch, numpy or lists, as the input was.

    `input_ids` (or `inputs`): (batch, time) with padding on either side, lists of any lengths, or a tokenizer's output.
    Greedy unless `do_sample`. Parameters that are not passed are those of the model's generation config. Without any
    limit of length it stops after 20 new tokens and warns. Each prompt gives the same alone and in a batch. A `seed`
    makes draws repeatable, and equal prompts equal. `streamer` gets the tokens of a single row as they come.
    `return_dict_in_generate=True` gives a GenerationOutput.

    `context="slide"` continues beyond the context, up to max_new_tokens, max_length or max_time: where the context is
    full, or a prompt longer than it, the oldest tokens are dropped and the newest half of a context is read again:
    exactly what a prompt of those tokens gives (penalties still see the whole text). "error", the default, refuses
    longer prompts with ContextError and ends a row whose context is full.
    """
    with errors_sent_to(streamer):
        input_ids = _one_of(input_ids, inputs)
        check_token_types(model, token_type_ids)
        run = start(model, input_ids, attention_mask, tokenizer, layers_of(model, generation_config, parameters))
        rows = collect(run, streamer)
    sequences = run.prompts.sequences([row.ids for row in rows], pad=_pad(run.parameters))
    if not run.parameters.get("return_dict_in_generate"):
        return sequences
    return GenerationOutput(
        sequences=sequences,
        finish_reasons=[row.finish_reason for row in rows],
        context_limited=[row.context_limited for row in rows],
        text=[row.text for row in rows] if run.readable else None,
    )


def stream(
    model: GenerativeModel,
    input_ids: Any = None,
    *,
    attention_mask: Any = None,
    generation_config: GenerationConfig | None = None,
    tokenizer: "Tokenizer | None" = None,
    fallbacks: Sequence[GenerationConfig] = (),
    **parameters: Unpack[GenerationParameters],
) -> Generator[Token]:
    """The same as `generate`, token by token and for any number of rows; leaving the loop ends the run.

    `fallbacks`, the strongest first, are used where neither the call nor the model's files set a value.

    With a tokenizer, each Token has the text that it completes: complete characters, without special tokens, and
    nothing that is or may become a stop string.
    """
    layers = [*layers_of(model, generation_config, parameters), *fallback_layers(fallbacks)]
    return start(model, input_ids, attention_mask, tokenizer, layers).tokens(1)


def _one_of(input_ids: Any, inputs: Any) -> Any:
    """The value of an argument that has two names in transformers."""
    if input_ids is not None and inputs is not None:
        raise ArgumentError("input_ids and inputs are two names of one argument; pass one of them")
    return inputs if input_ids is None else input_ids


def check_token_types(model: GenerativeModel, token_type_ids: Any) -> None:
    """UnsupportedError where token types would act: most decoders ignore them, GPT-2 adds an embedding for them."""
    config = getattr(model, "config", None)
    if token_type_ids is not None and isinstance(config, Config) and config["model_type"] == "gpt2":
        raise UnsupportedError("token_type_ids: litz computes GPT-2 without token types; leave them out")


def collect(run: Run, streamer: Any = None) -> list[Row]:
    """Runs to the end; a streamer gets the prompt and each token of the only row."""
    rows = [Row() for _ in range(run.rows)]
    if streamer is not None:
        if isinstance(streamer, type) or not (hasattr(streamer, "put") and hasattr(streamer, "end")):
            raise ArgumentError(
                f"streamer must have put() and end(), found {described(streamer)}; pass litz.TextStreamer(tokenizer)"
            )
        if run.rows != 1:
            raise UnsupportedError(
                f"a streamer follows one sequence, found {run.rows}; use model.stream(...), whose tokens name their row"
            )
        streamer.put(_array(run.prompts.given, run))
    for token in run.tokens(_UNWATCHED if streamer is None else 1):
        row = rows[token.row]
        row.ids.append(token.id)
        row.text += token.text or ""
        row.finish_reason, row.context_limited = token.finish_reason or "", token.context_limited
        if streamer is not None:
            streamer.put(_array([token.id], run))
    if streamer is not None:
        streamer.end()
    return rows


def layers_of(model: GenerativeModel, config: GenerationConfig | None, parameters: GenerationParameters) -> list[Layer]:
    """The sources of a call's parameters, the strongest first."""
    check_config(config)
    check_model(model)
    own = model.generation_config
    return [
        Layer(ARGUMENT, parameters),
        Layer(CONFIG, named(config), where=config.source if config is not None else ""),
        Layer(MODEL, named(own), where=own.source),
    ]


def check_model(model: Any) -> None:
    """ArgumentError for an object without the interface of a model."""
    own = getattr(model, "generation_config", None)
    if not isinstance(own, GenerationConfig) or not hasattr(model, "executor"):
        raise ArgumentError(
            f"model must have an executor and a generation_config of litz (litz.generation.GenerativeModel), "
            f"found {described(model)}"
        )


def check_config(config: Any) -> None:
    """ArgumentError for an object that is no GenerationConfig of litz."""
    if config is not None and not isinstance(config, GenerationConfig):
        found = f"generation_config must be a litz.GenerationConfig, found {type(config).__name__}"
        if not isinstance(config, Mapping) and not hasattr(config, "to_dict"):
            raise ArgumentError(f"{found}; pass anything else by its name, such as attention_mask=")
        made = "config" if isinstance(config, Mapping) else "config.to_dict()"
        raise ArgumentError(f"{found}; litz.GenerationConfig.from_dict({made}) makes one")


def fallback_layers(configs: Sequence[GenerationConfig]) -> list[Layer]:
    """Layers below the model's own; the `source` of each is its origin in explanations."""
    return [Layer(config.source or FALLBACK, named(config), where=config.source) for config in configs]


def _core_tokenizer(tokenizer: Any) -> Any:
    if tokenizer is None:
        return None
    if is_model(tokenizer):
        raise ArgumentError(f"tokenizer must be a tokenizer, found {described(tokenizer)}")
    core = getattr(tokenizer, "_core", tokenizer)
    if type(core).__module__ != _core.__name__:
        raise UnsupportedError(
            f"tokenizer must be one of litz, found {described(tokenizer)}; "
            f"load it with litz.AutoTokenizer.from_pretrained(...)"
        )
    return core


def _pad(parameters: Resolved) -> int:
    """The padding of results: the pad token, else the first eos token, else 0."""
    pad = parameters.get("pad_token_id")
    eos = parameters.get("eos_token_id") or [0]
    return int(eos[0] if pad is None else pad)


def _array(ids: Any, run: Run) -> Any:
    """Ids in the form of the input, as streamers get them."""
    return as_kind(ids, run.prompts.kind)


@contextmanager
def errors_sent_to(streamer: Any) -> Iterator[None]:
    """Sends the error that ends a run to its streamer, whose reader may wait in another thread."""
    try:
        yield
    except BaseException as error:
        if hasattr(streamer, "fail"):
            streamer.fail(error)
        raise
