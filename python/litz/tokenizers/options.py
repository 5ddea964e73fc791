"""How texts are to be encoded: the arguments of a call, each checked, none without effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from litz.arguments.mistaken import described
from litz.errors import ArgumentError
from litz.numbers import MOST, integer
from litz.tokenizers import tensors
from litz.tokenizers.known_keys import similar
from litz.tokenizers.settings import is_unlimited

if TYPE_CHECKING:
    from litz.tokenizers.calls import Calls

Strategy = Literal["longest_first", "only_first", "only_second"]
Padding = Literal["longest", "max_length"]
STRATEGIES: tuple[Strategy, ...] = ("longest_first", "only_first", "only_second")


@dataclass(frozen=True)
class Options:
    """The arguments of a call that are not texts, under the names that people know."""

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
    split_special_tokens: bool | None = None  # None is as the tokenizer has it


@dataclass(frozen=True)
class Plan:
    """What a call does, after all defaults of the tokenizer."""

    options: Options
    strategy: Strategy | None  # None where nothing is cut
    limit: int | None  # the most tokens of a row that is cut
    padding: Padding | None
    width: int | None  # of rows that are padded to a length
    side: str
    kind: tensors.Kind | None
    type_ids: bool
    attention: bool


def plan(tokenizer: "Calls", options: Options) -> Plan:
    """Checks the arguments; one that would have no effect is ArgumentError."""
    options = checked(options)
    padding = padding_of(options.padding)
    strategy = _strategy(tokenizer, options, padding)
    limit = None if strategy is None else longest(tokenizer, options.max_length)
    width = (
        rounded(longest(tokenizer, options.max_length), options.pad_to_multiple_of) if padding == "max_length" else None
    )
    if padding is None:
        for name in ("padding_side", "pad_to_multiple_of"):
            if getattr(options, name) is not None:
                raise ArgumentError(f"{name} acts with padding only; pass padding=True")
    elif limit is not None and limit % multiple_of(options.pad_to_multiple_of):
        raise ArgumentError(
            f"texts are cut to {limit} tokens, which is no multiple of pad_to_multiple_of={options.pad_to_multiple_of}"
        )
    names = tokenizer.model_input_names
    type_ids, attention = options.return_token_type_ids, options.return_attention_mask
    return Plan(
        options, strategy, limit, padding, width,
        side=side_of(options.padding_side) or tokenizer.padding_side,
        kind=tensors.kind_of(options.return_tensors),
        type_ids="token_type_ids" in names if type_ids is None else type_ids,
        attention="attention_mask" in names if attention is None else attention,
    )  # fmt: skip


def checked(options: Options) -> Options:
    """The options with their numbers as integers in range."""
    stride = integer(options.stride, "stride") if options.stride else 0
    length, multiple = options.max_length, options.pad_to_multiple_of
    return replace(
        options,
        stride=stride,
        max_length=None if length is None else integer(length, "max_length", least=1),
        pad_to_multiple_of=None if multiple is None else integer(multiple, "pad_to_multiple_of", least=1),
    )


def over(options: Options, given: Mapping[str, Any]) -> Options:
    """The options with others over them; a name that is none of them is ArgumentError."""
    known = [field.name for field in fields(Options)]
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise ArgumentError(f"tokenizer_kwargs: {unknown!r} is no option of a call{similar(unknown, known)}")
    return replace(options, **given)


def padding_of(padding: Any) -> Padding | None:
    """What the argument `padding` asks for."""
    padding = getattr(padding, "value", padding)  # transformers' PaddingStrategy
    if padding in (False, None, "do_not_pad"):
        return None
    if padding is True or padding == "longest":
        return "longest"
    if padding == "max_length":
        return "max_length"
    raise ArgumentError(f"padding is {padding!r}; expected True, False, 'longest' or 'max_length'")


def strategy_of(truncation: Any) -> Strategy | None:
    """What the argument `truncation` asks for."""
    truncation = getattr(truncation, "value", truncation)  # transformers' TruncationStrategy
    if truncation in (False, None, "do_not_truncate"):
        return None
    if truncation is True:
        return "longest_first"
    for strategy in STRATEGIES:
        if truncation == strategy:
            return strategy
    raise ArgumentError(f"truncation is {truncation!r}; expected True, False or one of {', '.join(STRATEGIES)}")


def side_of(side: str | None) -> str | None:
    """The value, if it is a side."""
    if side not in (None, "left", "right"):
        raise ArgumentError(f"padding_side is {side!r}; expected 'left' or 'right'")
    return side


def multiple_of(multiple: int | None) -> int:
    """`pad_to_multiple_of` as a number to divide by."""
    return multiple or 1


def rounded(width: int, multiple: int | None) -> int:
    """The next multiple from `width` on."""
    return -(-width // multiple_of(multiple)) * multiple_of(multiple)


def _strategy(tokenizer: "Calls", options: Options, padding: Padding | None) -> Strategy | None:
    if options.truncation is None and options.max_length is not None and options.padding is False:
        return "longest_first"
    strategy = strategy_of(options.truncation)
    if options.stride and strategy is None:
        raise ArgumentError("stride acts with truncation only; pass truncation=True")
    if options.max_length is None:
        if strategy is not None and is_unlimited(tokenizer.model_max_length):
            tokenizer._warn("no limit", "truncation cuts nothing: this tokenizer has no limit; pass max_length")
            return None
    elif strategy is None and padding != "max_length":
        if padding is None:
            raise ArgumentError("max_length acts with truncation=True or padding='max_length'; pass one of them")
        told = "max_length=%d cuts and pads nothing here; pass truncation=True, or padding='max_length'"
        tokenizer._warn("max_length", told % options.max_length)
    return strategy


def longest(tokenizer: "Calls", asked: int | None) -> int:
    """The most tokens of a row: as asked, or the model's limit."""
    if asked is not None:
        return asked
    if is_unlimited(tokenizer.model_max_length):
        raise ArgumentError("padding='max_length' needs max_length: this tokenizer has no limit of its own")
    return min(tokenizer.model_max_length, MOST)


Text = Any  # str, or a list of words


@dataclass(frozen=True)
class Inputs:
    """The texts of a call."""

    firsts: list[Text]
    seconds: list[Text] | None
    several: bool
    words: bool


def inputs(text: Any, pair: Any, words: bool) -> Inputs:
    """One text or several, alone or in pairs; each a str, or with `words` a list of them."""
    if not isinstance(text, str | list | tuple) and isinstance(text, Sequence) and not isinstance(text, bytes):
        text = list(text)
    several = not isinstance(text, str) and not (words and _is_words(text))
    if words and isinstance(text, str):
        raise ArgumentError("is_split_into_words=True takes a list of words, or a list of such lists; found one str")
    if not isinstance(text, str | list | tuple):
        raise ArgumentError(f"expected text, or a list of texts; found {described(text)}")
    firsts = list(text) if several else [text]
    seconds = None
    if not several and pair is not None and len(pair) == 0:
        pair = None  # a second text of nothing is none, save in a list of them
    if pair is not None:
        if several and (isinstance(pair, str) or not isinstance(pair, list | tuple)):
            raise ArgumentError(f"text is a list of {len(firsts)} items, so text_pair must be a list too")
        seconds = list(pair) if several else [pair]
        if len(firsts) != len(seconds):
            raise ArgumentError(f"text has {len(firsts)} items and text_pair {len(seconds)}: they must agree")
    elif several and firsts and all(_is_pair(item, words) for item in firsts):
        firsts, seconds = [pair[0] for pair in firsts], [pair[1] for pair in firsts]
    for item in [*firsts, *(seconds or ())]:
        _check(item, words)
    return Inputs(firsts, seconds, several, words)


def _is_words(text: Any) -> bool:
    return isinstance(text, list | tuple) and all(isinstance(word, str) for word in text)


def _is_pair(item: Any, words: bool) -> bool:
    inner = list | tuple if words else str
    return isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(half, inner) for half in item)


def _check(item: Any, words: bool) -> None:
    if not words and isinstance(item, str):
        return
    if words and isinstance(item, list | tuple) and all(isinstance(word, str) for word in item):
        return
    if words:
        raise ArgumentError(f"is_split_into_words=True takes lists of words; found {item!r:.80}")
    hint = "; pass is_split_into_words=True for lists of words" if isinstance(item, list | tuple) else ""
    if isinstance(item, Mapping) and "role" in item:
        hint = "; pass conversations to apply_chat_template"
    raise ArgumentError(f"expected text, or a list of texts; found {described(item)}{hint}")
