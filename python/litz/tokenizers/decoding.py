"""Ids to text."""

from collections.abc import Sequence
from typing import Any, Never, overload

from litz.arguments import names_of, refuse_unknown
from litz.arguments.mistaken import described
from litz.errors import ArgumentError
from litz.numbers import token_id
from litz.tokenizers import tensors
from litz.tokenizers.special_tokens import SpecialTokens


class Decoding(SpecialTokens):
    """The part of `Tokenizer` that decodes."""

    clean_up_tokenization_spaces: bool
    clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: bool
    _is_bpe: bool

    def _warn(self, kind: str, text: str) -> None:
        raise NotImplementedError

    @overload
    def decode(
        self, token_ids: int | Sequence[int], skip_special_tokens: bool = False, *,
        clean_up_tokenization_spaces: bool | None = None, spaces_between_special_tokens: bool | None = None,
    ) -> str: ...
    @overload
    def decode(
        self, token_ids: Sequence[Sequence[int]], skip_special_tokens: bool = False, *,
        clean_up_tokenization_spaces: bool | None = None, spaces_between_special_tokens: bool | None = None,
    ) -> list[str]: ...
    @overload
    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None, use_source_tokenizer: bool = False,
    ) -> Any: ...
    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        *,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None,
        use_source_tokenizer: bool = False,
        **unknown: Never,
    ) -> Any:
        """The text of an id, a list, an array or a tensor; of several rows, a list of texts.

        `clean_up_tokenization_spaces` removes spaces before punctuation; without it, as the tokenizer was saved. In
        BPE such spaces are text: there it has no effect. Neither has `spaces_between_special_tokens`: what stands
        between tokens is the decoder's. `use_source_tokenizer` is for tokenizers of two languages.
        """
        if unknown:
            refuse_unknown(unknown, of="decode", known=names_of(Decoding.decode))
        self._one_language(use_source_tokenizer)
        ids = tensors.lists(token_ids)
        if isinstance(ids, list) and ids and isinstance(ids[0], list):
            return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids]
        return self._text(ids, skip_special_tokens, clean_up_tokenization_spaces)

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        *,
        spaces_between_special_tokens: bool | None = None,
        use_source_tokenizer: bool = False,
        **unknown: Never,
    ) -> list[str]:
        """The text of each row; of a flat list of ids, the text of each id. The options are those of `decode`."""
        refuse_unknown(unknown, of="batch_decode", known=names_of(Decoding.batch_decode))
        self._one_language(use_source_tokenizer)
        given = tensors.lists(sequences)
        rows = [[row] if isinstance(row, int) else row for row in (given if isinstance(given, list) else [given])]
        return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in rows]

    def _one_language(self, use_source_tokenizer: bool) -> None:
        if use_source_tokenizer:
            raise ArgumentError("use_source_tokenizer=True is for tokenizers of two languages, which this one is not")

    def _text(self, ids: Any, skip_special_tokens: bool, clean: bool | None) -> str:
        if not isinstance(ids, list):
            if isinstance(ids, bool) or not isinstance(ids, int):
                raise ArgumentError(f"decode takes ids, found {described(ids)}")
            ids = [ids]
        try:
            text = self._core.decode(ids, skip_special_tokens)
        except (OverflowError, TypeError):
            text = self._core.decode([token_id(id, "decode") for id in ids], skip_special_tokens)
        return self.clean_up_tokenization(text) if self._cleans(clean) else text

    def _cleans(self, asked: bool | None) -> bool:
        """Whether a decoded text is cleaned up."""
        if not (self.clean_up_tokenization_spaces if asked is None else asked):
            return False
        if self._is_bpe and not self.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output:
            self._warn("clean", "clean_up_tokenization_spaces has no effect on BPE, where spaces are text")
            return False
        return True

    @staticmethod
    def clean_up_tokenization(text: str) -> str:
        """A text without the spaces that word pieces leave before punctuation."""
        for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
            text = text.replace(spaced, spaced.strip())
        return text
