"""Ids that exist already: what is put around them, and how they are made ready for a model."""

from litz.errors import ArgumentError
from litz.numbers import MOST, integer
from litz.tokenizers import joining, options, tensors
from litz.tokenizers.calls import Calls
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.options import Options

Ids = list[int]


class Sequences(Calls):
    """The part of `Tokenizer` that takes ids."""

    @property
    def max_len_single_sentence(self) -> int:
        """The model's limit without the special tokens around one text."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=False)

    @property
    def max_len_sentences_pair(self) -> int:
        """The model's limit without the special tokens around two texts."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> Ids:
        """Ids with the special tokens around them, as the tokenizer's template has them."""
        return joining.joined(self, *_rows(token_ids_0, token_ids_1))[0]

    def create_token_type_ids_from_sequences(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> Ids:
        """The type ids of what `build_inputs_with_special_tokens` gives."""
        return joining.joined(self, *_rows(token_ids_0, token_ids_1))[1]

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 for each special token of what `build_inputs_with_special_tokens` gives.

        With `already_has_special_tokens`, of the ids themselves: those in `all_special_ids`.
        """
        if not already_has_special_tokens:
            return joining.joined(self, *_rows(token_ids_0, token_ids_1))[2]
        if token_ids_1 is not None:
            raise ArgumentError("already_has_special_tokens=True takes one list of ids, that of both texts")
        special = frozenset(self.all_special_ids)
        return [int(id in special) for id in tensors.row(token_ids_0, "token_ids_0")]

    def truncate_sequences(
        self,
        ids: Ids,
        pair_ids: Ids | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[Ids, Ids | None, Ids]:
        """Ids with so many less, and what was cut off, with `stride` ids before it.

        What two lists lose by longest_first is not returned: it is not one piece.
        """
        strategy = options.strategy_of(truncation_strategy)
        if strategy is None:
            return ids, pair_ids, []
        return joining.truncated(
            *_rows(ids, pair_ids), integer(num_tokens_to_remove, "num_tokens_to_remove", least=-MOST),
            strategy=strategy, stride=integer(stride, "stride"), side=self.truncation_side,
        )  # fmt: skip

    def prepare_for_model(
        self,
        ids: Ids,
        pair_ids: Ids | None = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        prepend_batch_axis: bool = False,
    ) -> BatchEncoding:
        """What a call gives, for a text that is ids already; overflowing tokens are one list, not pieces."""
        asked = Options(
            add_special_tokens, padding, truncation, max_length, stride, False, pad_to_multiple_of, padding_side,
            return_tensors, return_token_type_ids, return_attention_mask, return_overflowing_tokens,
            return_special_tokens_mask, False, return_length,
        )  # fmt: skip
        if prepend_batch_axis and return_tensors is None:
            raise ArgumentError("prepend_batch_axis acts with return_tensors only")
        return joining.prepared(self, *_rows(ids, pair_ids), asked, prepend_batch_axis)


def _rows(first: Ids, second: Ids | None) -> tuple[Ids, Ids | None]:
    return tensors.row(first, "ids"), None if second is None else tensors.row(second, "the second ids")
