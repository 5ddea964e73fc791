"""All generation parameters: those that act, and those that litz knows but cannot do."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

from litz.hub.where import WhereArguments

Tokens = int | Sequence[int]
Biases = dict[tuple[int, ...], float] | Sequence[Sequence[Any]]


class GenerationOptions(TypedDict, total=False):
    """What says how tokens are generated, with transformers' names and meanings."""

    # how long
    max_new_tokens: int | None
    max_length: int | None
    min_new_tokens: int | None
    min_length: int | None
    max_time: float | None
    stop_strings: str | Sequence[str] | None
    context: Literal["error", "slide"] | None
    # how to choose
    do_sample: bool | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    top_h: float | None
    typical_p: float | None
    epsilon_cutoff: float | None
    eta_cutoff: float | None
    seed: int | None
    num_return_sequences: int | None
    # what to favour or forbid
    repetition_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    no_repeat_ngram_size: int | None
    bad_words_ids: Sequence[Sequence[int]] | None
    sequence_bias: Biases | None
    suppress_tokens: Tokens | None
    begin_suppress_tokens: Tokens | None
    forced_bos_token_id: int | None
    forced_eos_token_id: Tokens | None
    exponential_decay_length_penalty: tuple[int, float] | None
    remove_invalid_values: bool | None
    renormalize_logits: bool | None
    # tokens
    eos_token_id: Tokens | None
    bos_token_id: int | None
    pad_token_id: int | None
    # known, but only at the value that changes nothing: see UNSUPPORTED
    num_beams: int | None
    num_beam_groups: int | None
    length_penalty: float | None
    early_stopping: bool | str | None
    diversity_penalty: float | None
    penalty_alpha: float | None
    guidance_scale: float | None
    encoder_repetition_penalty: float | None
    encoder_no_repeat_ngram_size: int | None
    token_healing: bool | None
    prompt_lookup_num_tokens: int | None
    use_cache: bool | None
    cache_implementation: str | None
    output_scores: bool | None
    output_logits: bool | None
    output_attentions: bool | None
    output_hidden_states: bool | None
    use_mtp: bool | None
    is_assistant: bool | None
    assistant_early_exit: int | None
    speculation_type: str | None
    watermarking_config: Any
    dola_layers: Any
    constraints: Any
    force_words_ids: Any
    # accepted with any value: see IRRELEVANT
    cache_config: Any
    max_cache_len: int | None
    compile_config: Any
    disable_compile: bool | None
    continuous_batching_config: Any
    prefill_chunk_size: int | None
    low_memory: bool | None
    decoder_start_token_id: Tokens | None
    num_assistant_tokens: int | None
    num_assistant_tokens_schedule: str | None
    assistant_confidence_threshold: float | None
    assistant_lookbehind: int | None
    target_lookbehind: int | None
    assistant_ensemble_weight: float | None
    max_matching_ngram_size: int | None


class GenerationParameters(GenerationOptions, total=False):
    """What `generate`, `stream` and the text-generation pipeline accept: also the form of the result."""

    return_dict_in_generate: bool | None


class PretrainedOptions(WhereArguments, GenerationParameters, total=False):
    """Arguments of GenerationConfig.from_pretrained."""


# Parameters of the core, in the order in which they are explained.
ACTING = (
    "max_new_tokens", "max_length", "min_new_tokens", "min_length", "max_time", "stop_strings", "context",
    "do_sample", "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff",
    "seed", "num_return_sequences",
    "repetition_penalty", "presence_penalty", "frequency_penalty", "no_repeat_ngram_size", "bad_words_ids",
    "sequence_bias", "suppress_tokens", "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id",
    "exponential_decay_length_penalty", "remove_invalid_values", "renormalize_logits",
    "eos_token_id",
)  # fmt: skip

# Parameters that only sampling reads, with the values at which they do nothing anyway.
SAMPLING: dict[str, tuple[Any, ...]] = {
    "temperature": (1.0,), "top_k": (0, 50), "top_p": (1.0,), "min_p": (0.0,), "top_h": (), "typical_p": (1.0,),
    "epsilon_cutoff": (0.0,), "eta_cutoff": (0.0,),
}  # fmt: skip

_ONE_PATH = "litz follows one path per sequence (greedy or sampled), not beams; leave it out"
_NO_DRAFTS = "speculative decoding is not supported; leave it out"
_NOT_KEPT = "the native engine keeps only the last token's scores; call model(input_ids).logits for all of them"
# What litz does not do: the values that ask for nothing, and what to do instead.
UNSUPPORTED: dict[str, tuple[tuple[Any, ...], str]] = {
    "num_beams": ((1,), _ONE_PATH),
    "num_beam_groups": ((1,), _ONE_PATH),
    "length_penalty": ((1.0,), _ONE_PATH),
    "early_stopping": ((False,), _ONE_PATH),
    "diversity_penalty": ((0.0,), _ONE_PATH),
    "penalty_alpha": ((0.0,), "contrastive search is not supported; leave it out"),
    "guidance_scale": ((1.0,), "classifier-free guidance is not supported; leave it out"),
    "encoder_repetition_penalty": ((1.0,), "there is no encoder here; use repetition_penalty"),
    "encoder_no_repeat_ngram_size": ((0,), "there is no encoder here; use no_repeat_ngram_size"),
    "token_healing": ((False,), "token healing is not supported; leave it out"),
    "prompt_lookup_num_tokens": ((), "prompt lookup decoding is not supported; leave it out"),
    "use_cache": ((True, False), "pass True or False: the results are the same"),
    "cache_implementation": (
        (
            "dynamic",
            "dynamic_full",
            "static",
            "sliding_window",
            "hybrid",
            "hybrid_chunked",
            "offloaded",
            "offloaded_static",
            "offloaded_hybrid",
            "offloaded_hybrid_chunked",
        ),
        "there is one cache, in pages; from_pretrained(cache_dtype='q8_0') makes it smaller",
    ),
    "output_scores": ((False,), _NOT_KEPT),
    "output_logits": ((False,), _NOT_KEPT),
    "output_attentions": ((False,), _NOT_KEPT),
    "output_hidden_states": ((False,), _NOT_KEPT),
    "use_mtp": ((False,), "multi-token prediction is not supported; leave it out"),
    "is_assistant": ((False,), _NO_DRAFTS),
    "assistant_early_exit": ((), _NO_DRAFTS),
    "speculation_type": ((), _NO_DRAFTS),
    "watermarking_config": ((), "watermarking is not supported; leave it out"),
    "dola_layers": ((), "contrasting layers (DoLa) is not supported; leave it out"),
    "constraints": (([],), "constrained beam search is not supported; leave it out"),
    "force_words_ids": (([],), "constrained beam search is not supported; leave it out"),
}

# What has no effect on a decoder's results, or only beside something that is refused: accepted with any value.
IRRELEVANT: dict[str, str] = {
    "cache_config": "it describes caches that are chosen by cache_implementation",
    "max_cache_len": "the cache grows as it is needed",
    "compile_config": "nothing is compiled",
    "disable_compile": "nothing is compiled",
    "continuous_batching_config": "it belongs to another method of transformers",
    "prefill_chunk_size": "prompts are read in chunks, and no result depends on their size",
    "low_memory": "it belongs to contrastive search",
    "decoder_start_token_id": "it belongs to encoder-decoder models",
    "num_assistant_tokens": "it acts only beside assistant_model",
    "num_assistant_tokens_schedule": "it acts only beside assistant_model",
    "assistant_confidence_threshold": "it acts only beside assistant_model",
    "assistant_lookbehind": "it acts only beside assistant_model",
    "target_lookbehind": "it acts only beside assistant_model",
    "assistant_ensemble_weight": "it acts only beside assistant_model",
    "max_matching_ngram_size": "it acts only beside prompt_lookup_num_tokens",
}

# Of the unsupported ones, what only changes how the result is computed or shown: a checkpoint's file may ask for it.
HARMLESS = (
    "length_penalty", "early_stopping", "diversity_penalty", "num_beam_groups", "use_cache", "cache_implementation",
    "output_scores", "output_logits", "output_attentions", "output_hidden_states", "encoder_repetition_penalty",
    "encoder_no_repeat_ngram_size", "prompt_lookup_num_tokens", "is_assistant", "assistant_early_exit",
    "speculation_type",
)  # fmt: skip

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

# What other programs and servers call parameters.
OTHER_NAMES = {
    "max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens", "n_predict": "max_new_tokens",
    "num_predict": "max_new_tokens", "n": "num_return_sequences", "stop": "stop_strings", "stop_words": "stop_strings",
    "stop_sequences": "stop_strings", "stop_token_ids": "eos_token_id", "repeat_penalty": "repetition_penalty",
    "random_seed": "seed", "logit_bias": "sequence_bias", "beam_size": "num_beams", "sample": "do_sample",
    "prompt": "input_ids (the ids that tokenizer(prompt) gives)", "temp": "temperature",
    "text": "input_ids (the ids that tokenizer(text) gives)",
    "messages": "input_ids (the ids that tokenizer.apply_chat_template(messages) gives)",
}  # fmt: skip
