"""A rendered conversation, with the ranges of it that the chat template wrote."""

from typing import Any

# From, to; in order and apart.
Ranges = tuple[tuple[int, int], ...]


class ChatText(str):
    """A rendered conversation: its special tokens are in it already, so a tokenizer adds none around it.

    `trusted` are the ranges, in bytes of its UTF-8, that the chat template wrote itself: only there does a tokenizer
    recognise special tokens, so that no message can produce one. Slices of it and sums with it are plain text.
    """

    __slots__ = ("trusted",)
    trusted: Ranges

    def __new__(cls, text: str, trusted: Ranges) -> "ChatText":
        """A text with special tokens in the `trusted` ranges only."""
        chat = super().__new__(cls, text)
        chat.trusted = trusted
        return chat

    def __reduce__(self) -> tuple[Any, ...]:
        return ChatText, (str(self), self.trusted)


def trusted_in(text: str) -> Ranges | None:
    """The trusted ranges of a rendered chat; None for other texts, in which special tokens count everywhere."""
    return text.trusted if isinstance(text, ChatText) else None
