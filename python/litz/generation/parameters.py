"""The table of generation parameters: the type of each, its effect, the reader of its values, and what is refused.

A row is the annotation of a typed dictionary, so that type checkers read the same table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from litz.generation import values
from litz.generation.values import Reader
from litz.hub.where import WhereArguments

Tokens = int | Sequence[int]
Biases = dict[tuple[int, ...], float] | Sequence[Sequence[Any]]

# acting: passed to the core. sampling: the same, where tokens are drawn. form: what is read and returned.
# refused: an error, unless the value has no effect. ignored: any value is accepted, for it has no effect here.
Kind = Literal["acting", "sampling", "form", "refused", "ignored"]


@dataclass(frozen=True)
class Typed:
    """How a parameter is typed: on the command line and in a chat's settings."""

    text: str
    option: bool = False  # of `litz chat` and `litz generate`, too
    above: bool = False  # the least value of the core is not taken


@dataclass(frozen=True)
class Definition:
    """One row of the table."""

    kind: Kind
    read: Reader | None = None  # a value in the types of JSON; None leaves it as it is
    neutral: tuple[Any, ...] = ()  # sampling, refused: values without effect
    advice: str = ""  # refused: what to do instead; ignored: why it has no effect
    default: Any = None  # the value where no source sets one
    in_files: bool = False  # refused to callers only: it changes how a result is computed or shown, not which
    typed: Typed | None = None


def _acts(read: Reader, text: str = "", *, option: bool = False, default: Any = None) -> Definition:
    return Definition("acting", read, default=default, typed=Typed(text, option) if text else None)


def _samples(
    read: Reader, *neutral: Any, text: str, option: bool = False, above: bool = False, default: Any = None
) -> Definition:
    return Definition("sampling", read, neutral, default=default, typed=Typed(text, option, above))


def _refused(advice: str, *neutral: Any, in_files: bool = False) -> Definition:
    return Definition("refused", neutral=neutral, advice=advice, in_files=in_files)


def _ignored(reason: str) -> Definition:
    return Definition("ignored", advice=reason)


_ONE_PATH = "litz follows one path per sequence (greedy or sampled), not beams; leave it out"
_NO_DRAFTS = "speculative decoding is not supported; leave it out"
_NOT_KEPT = "the native engine keeps only the last token's scores; call model(input_ids).logits for all of them"
_ONE_CACHE = "there is one cache, in pages; from_pretrained(cache_dtype='q8_0') makes it smaller"
_CACHES = (
    "dynamic", "dynamic_full", "static", "sliding_window", "hybrid", "hybrid_chunked", "offloaded", "offloaded_static",
    "offloaded_hybrid", "offloaded_hybrid_chunked",
)  # fmt: skip
_BESIDE_DRAFTS = "it acts only beside assistant_model"


class GenerationOptions(TypedDict, total=False):
    """The parameters of generation, with transformers' names and meanings."""

    # how long
    max_new_tokens: Annotated[int | None, _acts(values.count, "stop after this many tokens", option=True)]
    max_length: Annotated[int | None, _acts(values.count)]
    min_new_tokens: Annotated[int | None, _acts(values.count, "do not stop before this many tokens")]
    min_length: Annotated[int | None, _acts(values.count)]
    max_time: Annotated[float | None, _acts(values.real, "stop after this many seconds")]
    stop_strings: Annotated[str | Sequence[str] | None, _acts(values.strings)]
    context: Annotated[Literal["error", "slide"] | None, _acts(values.context)]
    # how to choose
    do_sample: Annotated[bool | None, _acts(values.flag, default=False)]
    temperature: Annotated[
        float | None,
        _samples(values.real, 1.0, text="sample, flatter above 1, sharper below; 0 is greedy", option=True),
    ]
    top_k: Annotated[
        int | None,
        _samples(
            values.count, 0, 50, text="sample from this many most likely tokens; 0 is all", option=True, default=50
        ),
    ]
    top_p: Annotated[
        float | None,
        _samples(
            values.real, 1.0, text="sample from the most likely tokens that sum up to this", option=True, above=True
        ),
    ]
    min_p: Annotated[
        float | None,
        _samples(values.real, 0.0, text="sample from tokens at least this likely, relative to the best", option=True),
    ]
    top_h: Annotated[float | None, _samples(values.real, text="sample from tokens that hold this share of the entropy")]
    typical_p: Annotated[
        float | None, _samples(values.real, 1.0, text="sample from the most typical tokens that sum up to this")
    ]
    epsilon_cutoff: Annotated[float | None, _samples(values.real, 0.0, text="sample from tokens at least this likely")]
    eta_cutoff: Annotated[
        float | None, _samples(values.real, 0.0, text="the same, less strict where many tokens are likely")
    ]
    seed: Annotated[int | None, _acts(values.count, "make sampling repeatable", option=True)]
    num_return_sequences: Annotated[int | None, _acts(values.count)]
    # what to favour or forbid
    repetition_penalty: Annotated[
        float | None, _acts(values.real, "above 1 makes tokens of the text so far less likely", option=True)
    ]
    presence_penalty: Annotated[float | None, _acts(values.real, "make tokens that the text has less likely, once")]
    frequency_penalty: Annotated[float | None, _acts(values.real, "the same for each time that it has them")]
    no_repeat_ngram_size: Annotated[
        int | None, _acts(values.count, "never repeat this many tokens in a row; 0 allows it")
    ]
    bad_words_ids: Annotated[Sequence[Sequence[int]] | None, _acts(values.words)]
    sequence_bias: Annotated[Biases | None, _acts(values.biases)]
    suppress_tokens: Annotated[Tokens | None, _acts(values.tokens)]
    begin_suppress_tokens: Annotated[Tokens | None, _acts(values.tokens)]
    forced_bos_token_id: Annotated[int | None, _acts(values.forced_token)]
    forced_eos_token_id: Annotated[Tokens | None, _acts(values.forced_tokens)]
    exponential_decay_length_penalty: Annotated[tuple[int, float] | None, _acts(values.decay)]
    remove_invalid_values: Annotated[bool | None, _acts(values.flag)]
    renormalize_logits: Annotated[bool | None, _acts(values.flag)]
    # tokens
    eos_token_id: Annotated[Tokens | None, _acts(values.tokens)]
    bos_token_id: Annotated[int | None, Definition("form", values.token)]
    pad_token_id: Annotated[int | None, Definition("form", values.pad_token)]
    # refused, except for the values without effect
    num_beams: Annotated[int | None, _refused(_ONE_PATH, 1)]
    num_beam_groups: Annotated[int | None, _refused(_ONE_PATH, 1, in_files=True)]
    length_penalty: Annotated[float | None, _refused(_ONE_PATH, 1.0, in_files=True)]
    early_stopping: Annotated[bool | str | None, _refused(_ONE_PATH, False, in_files=True)]
    diversity_penalty: Annotated[float | None, _refused(_ONE_PATH, 0.0, in_files=True)]
    penalty_alpha: Annotated[float | None, _refused("contrastive search is not supported; leave it out", 0.0)]
    guidance_scale: Annotated[float | None, _refused("classifier-free guidance is not supported; leave it out", 1.0)]
    encoder_repetition_penalty: Annotated[
        float | None, _refused("there is no encoder here; use repetition_penalty", 1.0, in_files=True)
    ]
    encoder_no_repeat_ngram_size: Annotated[
        int | None, _refused("there is no encoder here; use no_repeat_ngram_size", 0, in_files=True)
    ]
    token_healing: Annotated[bool | None, _refused("token healing is not supported; leave it out", False)]
    prompt_lookup_num_tokens: Annotated[
        int | None, _refused("prompt lookup decoding is not supported; leave it out", in_files=True)
    ]
    use_cache: Annotated[
        bool | None, _refused("pass True or False: the results are the same", True, False, in_files=True)
    ]
    cache_implementation: Annotated[str | None, _refused(_ONE_CACHE, *_CACHES, in_files=True)]
    output_scores: Annotated[bool | None, _refused(_NOT_KEPT, False, in_files=True)]
    output_logits: Annotated[bool | None, _refused(_NOT_KEPT, False, in_files=True)]
    output_attentions: Annotated[bool | None, _refused(_NOT_KEPT, False, in_files=True)]
    output_hidden_states: Annotated[bool | None, _refused(_NOT_KEPT, False, in_files=True)]
    use_mtp: Annotated[bool | None, _refused("multi-token prediction is not supported; leave it out", False)]
    is_assistant: Annotated[bool | None, _refused(_NO_DRAFTS, False, in_files=True)]
    assistant_early_exit: Annotated[int | None, _refused(_NO_DRAFTS, in_files=True)]
    speculation_type: Annotated[str | None, _refused(_NO_DRAFTS, in_files=True)]
    watermarking_config: Annotated[Any, _refused("watermarking is not supported; leave it out")]
    dola_layers: Annotated[Any, _refused("contrasting layers (DoLa) is not supported; leave it out")]
    constraints: Annotated[Any, _refused("constrained beam search is not supported; leave it out", [])]
    force_words_ids: Annotated[Any, _refused("constrained beam search is not supported; leave it out", [])]
    # ignored
    cache_config: Annotated[Any, _ignored("it describes caches that are chosen by cache_implementation")]
    max_cache_len: Annotated[int | None, _ignored("the cache grows as it is needed")]
    compile_config: Annotated[Any, _ignored("nothing is compiled")]
    disable_compile: Annotated[bool | None, _ignored("nothing is compiled")]
    continuous_batching_config: Annotated[Any, _ignored("it belongs to another method of transformers")]
    prefill_chunk_size: Annotated[
        int | None, _ignored("prompts are read in chunks, and no result depends on their size")
    ]
    low_memory: Annotated[bool | None, _ignored("it belongs to contrastive search")]
    decoder_start_token_id: Annotated[Tokens | None, _ignored("it belongs to encoder-decoder models")]
    num_assistant_tokens: Annotated[int | None, _ignored(_BESIDE_DRAFTS)]
    num_assistant_tokens_schedule: Annotated[str | None, _ignored(_BESIDE_DRAFTS)]
    assistant_confidence_threshold: Annotated[float | None, _ignored(_BESIDE_DRAFTS)]
    assistant_lookbehind: Annotated[int | None, _ignored(_BESIDE_DRAFTS)]
    target_lookbehind: Annotated[int | None, _ignored(_BESIDE_DRAFTS)]
    assistant_ensemble_weight: Annotated[float | None, _ignored(_BESIDE_DRAFTS)]
    max_matching_ngram_size: Annotated[int | None, _ignored("it acts only beside prompt_lookup_num_tokens")]


class GenerationParameters(GenerationOptions, total=False):
    """What `generate`, `stream` and the text-generation pipeline accept: also the form of the result."""

    return_dict_in_generate: Annotated[bool | None, Definition("form", values.flag)]


class PretrainedOptions(WhereArguments, GenerationParameters, total=False):
    """Arguments of GenerationConfig.from_pretrained."""


PARAMETERS: dict[str, Definition] = {
    name: row.__metadata__[0] for name, row in GenerationParameters.__annotations__.items()
}


def of_kind(*kinds: Kind) -> tuple[str, ...]:
    """The names of the parameters of these kinds, in the table's order."""
    return tuple(name for name, row in PARAMETERS.items() if row.kind in kinds)


ACTING = of_kind("acting", "sampling")
SAMPLING = of_kind("sampling")


def read(name: str, value: Any) -> Any:
    """A parameter's value in the types of JSON, -1 for "none" left out; ArgumentError names what is out of range.

    Values of ignored parameters are returned unchanged.
    """
    row = PARAMETERS.get(name)
    return value if row is None or row.read is None or value is None else row.read(value, name)


# Arguments of transformers' generate() that are no parameters of a configuration.
FOREIGN = {
    "assistant_model": "speculative decoding is not supported; leave it out",
    "logits_processor": "Python processors are not supported: every token is chosen in Rust; "
                        "see sequence_bias, bad_words_ids, suppress_tokens and the penalties",
    "stopping_criteria": "Python criteria are not supported; see stop_strings, eos_token_id, max_time, "
                         "or end the loop over model.stream(...)",
    "prefix_allowed_tokens_fn": "constrained decoding by a Python function is not supported",
    "past_key_values": "leave it out: the prefix shared with the last call is reused by itself",
    "inputs_embeds": "the native engine takes token ids",
    "position_ids": "leave it out: positions follow from the attention mask",
    "custom_generate": "litz runs no code from model repositories",
    "truncation": "litz never cuts a prompt; shorten it, or pass the last tokens of tokenizer(...)",
    "handle_long_generation": "pass context='slide', or shorten the prompt",
    "return_type": "pass return_full_text, return_text or return_tensors",
    "padding": "leave it out: prompts of any lengths run together unpadded",
    "generator": "pass seed=<a number> instead",
    "synced_gpus": "one process computes; leave it out",
    "assistant_tokenizer": "speculative decoding is not supported; leave it out",
    "negative_prompt_ids": "classifier-free guidance is not supported; leave it out",
    "negative_prompt_attention_mask": "classifier-free guidance is not supported; leave it out",
    "labels": "generation has no loss; leave it out",
    "cache_position": "leave it out: positions follow from the attention mask",
    "encoder_outputs": "there is no encoder here; leave it out",
    "logits_to_keep": "generation keeps the last token's logits; leave it out",
    "use_model_defaults": "pass the parameters that should count",
    "trust_remote_code": "litz runs no code from model repositories; leave it out",
}  # fmt: skip

# Other programs' and servers' names of parameters.
OTHER_NAMES = {
    "max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens", "n_predict": "max_new_tokens",
    "num_predict": "max_new_tokens", "n": "num_return_sequences", "stop": "stop_strings", "stop_words": "stop_strings",
    "stop_sequences": "stop_strings", "stop_token_ids": "eos_token_id", "repeat_penalty": "repetition_penalty",
    "random_seed": "seed", "logit_bias": "sequence_bias", "beam_size": "num_beams", "sample": "do_sample",
    "prompt": "input_ids (the ids that tokenizer(prompt) gives)", "temp": "temperature",
    "text": "input_ids (the ids that tokenizer(text) gives)",
    "messages": "input_ids (the ids that tokenizer.apply_chat_template(messages) gives)",
}  # fmt: skip
