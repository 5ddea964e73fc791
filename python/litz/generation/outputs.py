"""What generation returns."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class GenerationOutput:
    """The result of `generate(..., return_dict_in_generate=True)`; its fields are also items, in this order."""

    sequences: Any  # (rows, time) int64, prompts included, in the form of the input
    finish_reasons: list[str]  # of each row: "eos", "stop", "length" or "time"
    context_limited: list[bool]  # of each row: whether its "length" was the model's context
    text: list[str] | None  # of each row: the new text without special tokens and stop string, if a tokenizer was given

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return getattr(self, key) if key in self.keys() else _missing(key)
        return list(self)[key]

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self.keys())

    def keys(self) -> list[str]:
        """The names of the fields."""
        return [item.name for item in fields(self)]


@dataclass(frozen=True)
class Token:
    """One generated token, as `model.stream` yields it."""

    row: int  # prompt number times num_return_sequences, plus the number of the continuation
    id: int
    text: str | None  # the text that it completes: may be empty, or more than this token; None without a tokenizer
    finish_reason: str | None  # "eos", "stop", "length" or "time" with the row's last token
    context_limited: bool = False  # whether that "length" was the model's context


def _missing(key: str) -> Any:
    raise KeyError(f"{key!r}: a generation output has sequences, finish_reasons, context_limited and text")
