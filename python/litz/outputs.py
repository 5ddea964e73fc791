"""What models return."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CausalLMOutput:
    """The scores of every next token; `output.logits`, `output["logits"]` and `output[0]` are the same."""

    logits: Any  # (batch, time, vocab) float32, numpy or torch as the input was

    def __getitem__(self, key: int | str) -> Any:
        if key in (0, "logits"):
            return self.logits
        raise (IndexError if isinstance(key, int) else KeyError)(f"{key!r}: this output holds only logits")

    def __iter__(self) -> Iterator[Any]:
        yield self.logits
