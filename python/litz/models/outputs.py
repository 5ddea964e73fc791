"""What models return."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Logits = TypeVar("Logits", default=Any)
else:
    from typing import TypeVar

    Logits = TypeVar("Logits")


@dataclass(frozen=True)
class CausalLMOutput(Generic[Logits]):
    """The scores of every next token; `output.logits`, `output["logits"]` and `output[0]` are the same."""

    logits: Logits  # (batch, time, vocab) float32, numpy or torch as the input was

    @overload
    def __getitem__(self, key: int | Literal["logits"]) -> Logits: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Logits, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, slice):
            return self.to_tuple()[key]
        if key in (0, -1, "logits"):
            return self.logits
        raise (IndexError if isinstance(key, int) else KeyError)(f"{key!r}: this output holds only logits")

    def __iter__(self) -> Iterator[Logits]:
        yield self.logits

    def __len__(self) -> int:
        return 1

    def to_tuple(self) -> tuple[Logits]:
        """The logits alone, as `return_dict=False` gives them."""
        return (self.logits,)

    def keys(self) -> list[str]:
        """The names of what it holds."""
        return ["logits"]
