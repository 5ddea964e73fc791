"""The settings of a tokenizer that every call reads: one frozen value, replaced when a setting is assigned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from litz.errors import ArgumentError
from litz.numbers import integer, shown

Side = Literal["left", "right"]

# transformers' number for a tokenizer without a limit.
UNLIMITED = int(1e30)
_MOST = 10**20


def is_unlimited(limit: float) -> bool:
    """Whether a limit is so large that it is none."""
    return limit > _MOST


@dataclass(frozen=True)
class Defaults:
    """The values of a call's settings that its arguments do not give."""

    tokens: Mapping[str, str] = field(default_factory=dict)  # "bos_token" -> "<s>", in the order of all special tokens
    additional: tuple[str, ...] = ()  # special tokens without a name
    padding_side: Side = "right"
    truncation_side: Side = "right"
    model_max_length: int = UNLIMITED
    pad_token_type_id: int = 0
    clean_up_tokenization_spaces: bool = False
    clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: bool = False
    split_special_tokens: bool = False
    model_input_names: tuple[str, ...] = ("input_ids", "attention_mask")


@dataclass(frozen=True)
class Settings:
    """What the files of a tokenizer hold besides its vocabulary."""

    defaults: Defaults = field(default_factory=Defaults)
    chat_template: str | dict[str, str] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)  # tokenizer_config.json as it was


def flag(value: Any, name: str) -> bool:
    """The value, if it is true or false."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} must be True or False, found {shown(value)}")
    return value


def _side(value: Any, name: str) -> str:
    if value not in ("left", "right"):
        raise ArgumentError(f"{name} is {shown(value)}; expected 'left' or 'right'")
    return str(value)


def _limit(value: Any, name: str) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and is_unlimited(value) and value == value:
        return int(value) if value != float("inf") else UNLIMITED
    return integer(value, name, least=1, most=_MOST)


# The defaults that are attributes of a tokenizer, with the check of a value that is assigned.
CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "padding_side": _side,
    "truncation_side": _side,
    "model_max_length": _limit,
    "pad_token_type_id": lambda value, name: integer(value, name),
    "clean_up_tokenization_spaces": flag,
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": flag,
    "split_special_tokens": flag,
}
