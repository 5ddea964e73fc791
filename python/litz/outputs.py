"""What models return."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CausalLMOutput:
    """The scores of every next token; `output.logits`, `output["logits"]` and `output[0]` are the same."""

    logits: Any  # (batch, time, vocab) float32, numpy or torch as the input was

    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, slice):
            return self.to_tuple()[key]
        if key in (0, -1, "logits"):
            return self.logits
        raise (IndexError if isinstance(key, int) else KeyError)(f"{key!r}: this output holds only logits")

    def __iter__(self) -> Iterator[Any]:
        yield self.logits

    def __len__(self) -> int:
        return 1

    def to_tuple(self) -> tuple[Any, ...]:
        """The logits alone, as `return_dict=False` gives them."""
        return (self.logits,)

    def keys(self) -> list[str]:
        """The names of what it holds."""
        return ["logits"]
