"""The arguments of a call that are not texts: each checked, none without effect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import integer
from litz.tokenizers import tensors
from litz.tokenizers.call import padding as pads
from litz.tokenizers.call import truncation
from litz.tokenizers.call.padding import Padding
from litz.tokenizers.call.truncation import Strategy, longest
from litz.tokenizers.defaults import Defaults, is_unlimited
from litz.tokenizers.similar import similar


@dataclass(frozen=True)
class Options:
    """The arguments under transformers' names."""

    add_special_tokens: bool | None = None
    padding: Any = False
    truncation: Any = None
    max_length: int | None = None
    stride: int = 0
    is_split_into_words: bool = False
    pad_to_multiple_of: int | None = None
    padding_side: str | None = None
    return_tensors: Any = None
    return_token_type_ids: bool | None = None
    return_attention_mask: bool | None = None
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True
    split_special_tokens: bool | None = None


@dataclass(frozen=True)
class Plan:
    """What a call does, after all defaults."""

    options: Options
    strategy: Strategy | None  # None where nothing is cut
    limit: int | None  # the most tokens of a row that is cut
    padding: Padding | None
    width: int | None  # of rows that are padded to a length
    side: str  # of the padding
    kind: tensors.Kind | None
    type_ids: bool
    attention: bool


def plan(defaults: Defaults, options: Options, *, warn: Callable[[str, str], None]) -> Plan:
    """Checks the arguments; one that would have no effect is ArgumentError."""
    options = _checked(options)
    padding, multiple = pads.padding_of(options.padding), options.pad_to_multiple_of
    strategy = _strategy(defaults, options, padding, warn)
    limit = None if strategy is None else longest(defaults, options.max_length)
    width = pads.rounded(longest(defaults, options.max_length), multiple) if padding == "max_length" else None
    if padding is None:
        for name in ("padding_side", "pad_to_multiple_of"):
            if getattr(options, name) is not None:
                raise ArgumentError(f"{name} acts with padding only; pass padding=True")
    elif limit is not None and limit % (multiple or 1):
        raise ArgumentError(f"texts are cut to {limit} tokens, which is no multiple of pad_to_multiple_of={multiple}")
    names = defaults.model_input_names
    type_ids, attention = options.return_token_type_ids, options.return_attention_mask
    return Plan(
        options, strategy, limit, padding, width,
        side=pads.side_of(options.padding_side) or defaults.padding_side,
        kind=tensors.kind_of(options.return_tensors),
        type_ids="token_type_ids" in names if type_ids is None else type_ids,
        attention="attention_mask" in names if attention is None else attention,
    )  # fmt: skip


def _checked(options: Options) -> Options:
    """The options with their numbers as integers in range."""
    stride, length, multiple = options.stride, options.max_length, options.pad_to_multiple_of
    stride = integer(stride, "stride") if stride else 0
    length = None if length is None else integer(length, "max_length", least=1)
    multiple = None if multiple is None else integer(multiple, "pad_to_multiple_of", least=1)
    if stride is options.stride and length is options.max_length and multiple is options.pad_to_multiple_of:
        return options  # as nearly always, and a copy takes microseconds
    return replace(options, stride=stride, max_length=length, pad_to_multiple_of=multiple)


def over(options: Options, given: Mapping[str, Any]) -> Options:
    """The options with others over them; a name that is none of them is ArgumentError."""
    known = [field.name for field in fields(Options)]
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise ArgumentError(f"tokenizer_kwargs: {unknown!r} is no option of a call{similar(unknown, known)}")
    return replace(options, **given)


def _strategy(
    defaults: Defaults, options: Options, padding: Padding | None, warn: Callable[[str, str], None]
) -> Strategy | None:
    if options.truncation is None and options.max_length is not None and options.padding is False:
        return "longest_first"
    strategy = truncation.strategy_of(options.truncation)
    if options.stride and strategy is None:
        raise ArgumentError("stride acts with truncation only; pass truncation=True")
    if options.max_length is None:
        if strategy is not None and is_unlimited(defaults.model_max_length):
            warn("no limit", "truncation cuts nothing: this tokenizer has no limit; pass max_length")
            return None
    elif strategy is None and padding != "max_length":
        if padding is None:
            raise ArgumentError("max_length acts with truncation=True or padding='max_length'; pass one of them")
        text = "max_length=%d cuts and pads nothing here; pass truncation=True, or padding='max_length'"
        warn("max_length", text % options.max_length)
    return strategy
