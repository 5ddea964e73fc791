"""A rendered conversation, with the ranges of it that the chat template wrote."""

from typing import Any

# From, to; in order and apart.
Ranges = tuple[tuple[int, int], ...]


class ChatText(str):
    """A rendered conversation: its special tokens are in it already, so a tokenizer adds none around it.

    `trusted` are the ranges, in bytes of its UTF-8, that the chat template wrote itself: a tokenizer takes a special
    token for one only there, so that no message can produce one. Parts of it and sums with it are plain text.
    """

    __slots__ = ("trusted",)
    trusted: Ranges

    def __new__(cls, text: str, trusted: Ranges) -> "ChatText":
        """A text of which `trusted` may control."""
        chat = super().__new__(cls, text)
        chat.trusted = trusted
        return chat

    def __reduce__(self) -> tuple[Any, ...]:
        return ChatText, (str(self), self.trusted)


def trusted_in(text: str) -> Ranges | None:
    """Where special tokens may be in a text: in a rendered chat where the template wrote, elsewhere everywhere."""
    return text.trusted if isinstance(text, ChatText) else None
