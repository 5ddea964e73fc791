"""What the four models share: a piece of text becomes tokens, each with the bytes that it covers."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Token(NamedTuple):
    """A token of a piece; `start` and `end` count bytes of the piece, since byte tokens may be part of a character."""

    id: int
    name: str
    start: int
    end: int


class Model(Protocol):
    """A vocabulary, and the algorithm that cuts a piece of text into tokens of it."""

    @property
    def vocab(self) -> Mapping[str, int]:
        """Every token with its id."""

    def tokens(self, piece: str) -> list[Token]:
        """The tokens of a piece that is not empty."""


def byte_name(byte: int) -> str:
    """The token that stands for a single byte where byte fallback is on."""
    return f"<0x{byte:02X}>"
