"""WordPiece: take the longest token that the word begins with, then the longest that the rest begins with, and so on.

A token inside a word begins with a mark, `##`. A word that cannot be used up so is unknown as a whole. Source: Wu et
al., "Google's Neural Machine Translation System" (2016), and the tokenizer that came with BERT.
"""

from dataclasses import dataclass

from litz.errors import ArgumentError
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.model import Token


@dataclass(frozen=True)
class WordPiece:
    """The model of BERT and its relatives."""

    vocab: dict[str, int]
    unknown: str
    prefix: str
    longest_word: int  # in characters; a longer one is unknown

    @classmethod
    def of(cls, fields: Fields) -> "WordPiece":
        """The `model` of a file."""
        return cls(
            fields.get("vocab", {}),
            fields.text("unk_token"),
            fields.text("continuing_subword_prefix"),
            fields.count("max_input_chars_per_word"),
        )

    def tokens(self, piece: str) -> list[Token]:
        """The tokens of a word."""
        if len(piece) > self.longest_word:
            return self._unknown(piece)
        out: list[Token] = []
        start = at = 0  # characters and bytes that are used up
        while start < len(piece):
            end, name = self._longest(piece, start)
            if end == start:
                return self._unknown(piece)
            length = len(piece[start:end].encode())
            out.append(Token(self.vocab[name], name, at, at + length))
            start, at = end, at + length
        return out

    def _longest(self, piece: str, start: int) -> tuple[int, str]:
        prefix = self.prefix if start > 0 else ""
        for end in range(len(piece), start, -1):
            name = prefix + piece[start:end]
            if name in self.vocab:
                return end, name
        return start, ""

    def _unknown(self, piece: str) -> list[Token]:
        return unknown_word(self.vocab, self.unknown, piece)


def unknown_word(vocab: dict[str, int], unknown: str, piece: str) -> list[Token]:
    """The unknown token for a whole word."""
    if unknown not in vocab:
        raise ArgumentError(f"the text needs the unknown token {unknown!r}, which is not in the vocabulary")
    return [Token(vocab[unknown], unknown, 0, len(piece.encode()))]
