"""What calling a model returns: objects that are read by attribute, by name or by place, as those of transformers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, overload

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Array = TypeVar("Array", default=Any)
else:
    from typing import TypeVar

    Array = TypeVar("Array")


@dataclass(frozen=True, eq=False)
class ModelOutput(Mapping[str, Any]):
    """The base of all outputs. A field that was not computed is None: an attribute, but no key and no item.

    Iterating gives the names, as a mapping does; `to_tuple()` gives the values.
    """

    # Two outputs of arrays are not equal in one truth value.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @overload
    def __getitem__(self, key: str | SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, key: slice, /) -> tuple[Any, ...]: ...
    def __getitem__(self, key: str | SupportsIndex | slice, /) -> Any:
        held = self._held()
        found: type[LookupError] = KeyError if isinstance(key, str) else IndexError
        try:
            return held[key] if isinstance(key, str) else tuple(held.values())[key]
        except found:
            raise found(f"{key!r}: this output holds {', '.join(held)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __len__(self) -> int:
        return len(self._held())

    def to_tuple(self) -> tuple[Any, ...]:
        """The values alone, as `return_dict=False` gives them."""
        return tuple(self._held().values())

    def _held(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


# Arrays are float32, numpy or torch as the input was; `hidden_states` holds one of (batch, time, width) for the
# embeddings and one for each layer.


@dataclass(frozen=True, eq=False)
class BaseModelOutputWithPooling(ModelOutput, Generic[Array]):
    """Hidden states, and one vector for each sequence where the model has a pooler."""

    last_hidden_state: Array  # (batch, time, width)
    pooler_output: Array | None = None  # (batch, width)
    hidden_states: tuple[Array, ...] | None = None


@dataclass(frozen=True, eq=False)
class QuestionAnsweringModelOutput(ModelOutput, Generic[Array]):
    """The scores of every position as the first and as the last of the answer."""

    start_logits: Array  # (batch, time)
    end_logits: Array  # (batch, time)
    hidden_states: tuple[Array, ...] | None = None


@dataclass(frozen=True, eq=False)
class LogitsOutput(ModelOutput, Generic[Array]):
    """The scores of all choices; the classes below say of what."""

    logits: Array
    hidden_states: tuple[Array, ...] | None = None


class CausalLMOutput(LogitsOutput[Array]):
    """The scores of every next token: (batch, time, vocab)."""


class MaskedLMOutput(LogitsOutput[Array]):
    """The scores of the token at every position: (batch, time, vocab)."""


class SequenceClassifierOutput(LogitsOutput[Array]):
    """The scores of the labels of every sequence: (batch, labels)."""


class TokenClassifierOutput(LogitsOutput[Array]):
    """The scores of the labels of every token: (batch, time, labels)."""


class MultipleChoiceModelOutput(LogitsOutput[Array]):
    """The scores of the choices: (batch, choices)."""
