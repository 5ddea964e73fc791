"""`BatchEncoding`: what a tokenizer returns, a dict with the offsets and words of each token."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, overload

from litz.errors import ArgumentError, UnsupportedError
from litz.numbers import MOST, integer
from litz.tokenizers import tensors
from litz.tokenizers.backend import Encoding

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import TypeVar

    Ids = TypeVar("Ids", default=Any)
else:
    from typing import TypeVar

    Ids = TypeVar("Ids")

# The encodings themselves, or the function that makes them on demand.
Known = Sequence[Encoding] | Callable[[], Sequence[Encoding]] | None


class CharSpan(NamedTuple):
    """Characters of a text, from `start` to before `end`."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens of a row, from `start` to before `end`."""

    start: int
    end: int


class BatchEncoding(dict[str, Any], Generic[Ids]):
    """What a tokenizer returns: a dict whose entries are attributes too, so that `model(**encoding)` works.

    `encoding[0]` is the Encoding of the first row; those of all rows are computed at the first access.
    Methods that look up a place take it alone for the first row, or after the row's number.
    """

    __slots__ = ("_known",)
    _known: Any
    if TYPE_CHECKING:
        input_ids: Ids
        token_type_ids: Ids
        attention_mask: Ids
        special_tokens_mask: Ids
        assistant_masks: Ids
        labels: Any
        offset_mapping: Any
        length: Any
        overflow_to_sample_mapping: Any

    def __init__(
        self,
        data: Any = None,
        encoding: Encoding | Sequence[Encoding] | None = None,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
    ) -> None:
        super().__init__(data if data is not None else {})
        self._known = [encoding] if hasattr(encoding, "ids") else encoding
        self.convert_to_tensors(tensor_type, prepend_batch_axis)

    if not TYPE_CHECKING:  # or type checkers would accept every name; other entries are encoding["name"]

        def __getattr__(self, name: str) -> Any:
            try:
                return dict.__getitem__(self, name)
            except KeyError:
                raise AttributeError(f"no {name!r} in this encoding; it has {', '.join(self)}") from None

    @overload
    def __getitem__(
        self, key: Literal["input_ids", "token_type_ids", "attention_mask", "special_tokens_mask", "assistant_masks"]
    ) -> Ids: ...
    @overload
    def __getitem__(self, key: int) -> Encoding: ...
    @overload
    def __getitem__(self, key: str | slice) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        if key.__class__ is str:
            return dict.__getitem__(self, key)
        if isinstance(key, int | slice):
            known = self.encodings
            if known is not None:
                return known[key]
            if isinstance(key, slice):
                return {name: value[key] for name, value in self.items()}
            raise KeyError("no tokenizer made this encoding: it has entries, but no rows that know their text")
        return dict.__getitem__(self, key)

    def __missing__(self, key: Any) -> Any:
        raise KeyError(f"no {key!r} in this encoding; it has {', '.join(self)}")

    def __repr__(self) -> str:
        return f"BatchEncoding({{{', '.join(f'{name!r}: {value!r}' for name, value in self.items())}}})"

    def __reduce__(self) -> tuple[Any, ...]:
        return BatchEncoding, (dict(self), self.encodings)

    def __copy__(self) -> "BatchEncoding[Ids]":
        return self.copy()

    def copy(self) -> "BatchEncoding[Ids]":
        """Another dict with the same entries."""
        return with_known(dict(self), self._known)

    @property
    def data(self) -> dict[str, Any]:
        """The entries."""
        return self

    @property
    def is_fast(self) -> bool:
        """Whether the rows have offsets and words: they do if a tokenizer made them."""
        return self._known is not None

    @property
    def encodings(self) -> Sequence[Encoding] | None:
        """The full encoding of each row; None where no tokenizer made this one."""
        if callable(self._known):
            self._known = self._known()
        elif self._known.__class__ is tuple:
            make, *arguments = self._known
            self._known = make(*arguments)
        known: Sequence[Encoding] | None = self._known
        return known

    @property
    def n_sequences(self) -> int | None:
        """1 if the rows are of one text, 2 if they are of two."""
        known = self.encodings
        return known[0].n_sequences if known else None

    def _row(self, row: int) -> Encoding:
        known = self.encodings
        if known is None:
            raise UnsupportedError("this encoding was not made by a tokenizer: nothing is known of its tokens' places")
        return known[integer(row, "the number of a row", least=-MOST)]

    def _place(self, first: int, second: int | None) -> tuple[Encoding, int]:
        row, place = (0, first) if second is None else (first, second)
        encoding = self._row(row)
        place = integer(place, "the number of a token or word", least=-len(encoding))
        return encoding, place if place >= 0 else len(encoding) + place

    def tokens(self, batch_index: int = 0) -> list[str]:
        """The tokens of a row."""
        return self._row(batch_index).tokens

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """The word of each token of a row; None for tokens around the text."""
        return self._row(batch_index).word_ids

    def words(self, batch_index: int = 0) -> list[int | None]:
        """The same as `word_ids`."""
        return self._row(batch_index).word_ids

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Which text each token of a row came from, 0 or 1; None for tokens around the texts."""
        return self._row(batch_index).sequence_ids

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """Which text a token came from."""
        encoding, token = self._place(batch_or_token_index, token_index)
        return encoding.token_to_sequence(token)

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """The word that a token is part of."""
        encoding, token = self._place(batch_or_token_index, token_index)
        return encoding.token_to_word(token)

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        """The characters that a token stands for."""
        encoding, token = self._place(batch_or_token_index, token_index)
        span = encoding.token_to_chars(token)
        return None if span is None else CharSpan(*span)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """The tokens of a word of one text."""
        encoding, word = self._place(batch_or_word_index, word_index)
        span = encoding.word_to_tokens(word, _sequence(sequence_index))
        return None if span is None else TokenSpan(*span)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """The characters of a word of one text."""
        encoding, word = self._place(batch_or_word_index, word_index)
        span = encoding.word_to_chars(word, _sequence(sequence_index))
        return None if span is None else CharSpan(*span)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The token that holds a character of one text; None for one that no token holds."""
        encoding, char = self._char(batch_or_char_index, char_index)
        return encoding.char_to_token(char, _sequence(sequence_index))

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The word that holds a character of one text."""
        encoding, char = self._char(batch_or_char_index, char_index)
        return encoding.char_to_word(char, _sequence(sequence_index))

    def _char(self, first: int, second: int | None) -> tuple[Encoding, int]:
        row, char = (0, first) if second is None else (first, second)
        return self._row(row), integer(char, "a character, counted from the beginning of the text,")

    def convert_to_tensors(self, tensor_type: str | None = None, prepend_batch_axis: bool = False) -> "BatchEncoding":
        """Turns every entry into a tensor of `tensor_type` ("pt" or "np"), in place; None leaves them."""
        kind = tensors.kind_of(tensor_type)
        if kind is not None:
            for name, value in self.items():
                self[name] = tensors.convert([value] if prepend_batch_axis else value, kind, name)
        return self

    def to(self, device: Any, *, non_blocking: bool = False) -> "Self":
        """The same encoding with its tensors on `device`; lists and arrays can only be on the CPU."""
        for name, value in self.items():
            if hasattr(value, "to"):
                self[name] = value.to(device, non_blocking=non_blocking)
            elif str(device) != "cpu":
                raise ArgumentError(f"{name} is no tensor and cannot be moved to {device}; use return_tensors='pt'")
        return self


def _sequence(number: int) -> int:
    return integer(number, "sequence_index", most=1)


def with_known(data: dict[str, Any], known: Any) -> BatchEncoding:
    """A BatchEncoding of these entries and the rows' encodings, or a tuple of a function and its arguments."""
    made = BatchEncoding.__new__(BatchEncoding)
    dict.update(made, data)
    made._known = known
    return made
