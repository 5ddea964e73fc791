"""Ids to text."""

from typing import Any

from litz.errors import ArgumentError
from litz.tokenizers import tensors
from litz.tokenizers.special_tokens import SpecialTokens


class Decoding(SpecialTokens):
    """The part of `Tokenizer` that decodes."""

    clean_up_tokenization_spaces: bool

    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None
    ) -> Any:
        """The text of an id, a list, an array or a tensor; of several rows, a list of texts.

        `clean_up_tokenization_spaces` removes spaces before punctuation; without it, as the tokenizer was saved.
        """
        ids = tensors.lists(token_ids)
        if isinstance(ids, list) and ids and isinstance(ids[0], list):
            return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids]
        return self._text(ids, skip_special_tokens, clean_up_tokenization_spaces)

    def batch_decode(
        self, sequences: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None
    ) -> list[str]:
        """The text of each row; of a flat list of ids, the text of each id."""
        rows = [[row] if isinstance(row, int) else row for row in tensors.lists(sequences)]
        return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in rows]

    def _text(self, ids: Any, skip_special_tokens: bool, clean: bool | None) -> str:
        ids = [ids] if isinstance(ids, int) else ids
        wrong = next((id for id in ids if not isinstance(id, int) or not 0 <= id < 1 << 32), None)
        if wrong is not None:
            raise ArgumentError(f"{wrong!r} is no token id")
        text = self._core.decode(ids, skip_special_tokens)
        if not (self.clean_up_tokenization_spaces if clean is None else clean):
            return text
        return self.clean_up_tokenization(text)

    @staticmethod
    def clean_up_tokenization(text: str) -> str:
        """A text without the spaces that word pieces leave before punctuation."""
        for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
            text = text.replace(spaced, spaced.strip())
        return text
