"""One token for each word: a word that is not in the vocabulary is unknown."""

from dataclasses import dataclass

from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.model import Token
from litz.tokenizers.python_backend.word_piece import unknown_word


@dataclass(frozen=True)
class WordLevel:
    """A vocabulary of whole words."""

    vocab: dict[str, int]
    unknown: str

    @classmethod
    def of(cls, fields: Fields) -> "WordLevel":
        """The `model` of a file."""
        return cls(fields.get("vocab", {}), fields.text("unk_token"))

    def tokens(self, piece: str) -> list[Token]:
        """One token."""
        if piece in self.vocab:
            return [Token(self.vocab[piece], piece, 0, len(piece.encode()))]
        return unknown_word(self.vocab, self.unknown, piece)
