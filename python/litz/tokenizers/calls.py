"""Text to ids: the calls that people know."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Never, Unpack, overload

from litz import _core, arrays
from litz.arguments import names_of, refuse_unknown
from litz.errors import ArgumentError
from litz.numbers import shown
from litz.tokenizers import batches, options
from litz.tokenizers import padding as rows
from litz.tokenizers.chat import ChatText, trusted_in
from litz.tokenizers.decoding import Decoding
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.options import Options
from litz.tokenizers.settings import Side

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from litz.tokenizers.signatures import CallOptions, EncodeOptions

_new = BatchEncoding.__new__


class Calls(Decoding):
    """The part of `Tokenizer` that encodes."""

    _fast: _core.Tokenizer | None
    _warned: set[str]
    _quick: bool  # whether ids and a mask of ones are all that a call without options gives
    padding_side: Side
    truncation_side: Side
    model_max_length: int
    pad_token_type_id: int
    split_special_tokens: bool
    _input_names: list[str]

    @overload
    def __call__(
        self,
        text: str,
        text_pair: str | None = None,
        *,
        return_tensors: None = None,
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding[list[int]]: ...
    @overload
    def __call__(
        self,
        text: list[str] | tuple[str, ...] | list[tuple[str, str]],
        text_pair: list[str] | tuple[str, ...] | None = None,
        *,
        return_tensors: None = None,
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding[list[list[int]]]: ...
    @overload
    def __call__(
        self,
        text: str | Sequence[Any],
        text_pair: str | Sequence[Any] | None = None,
        *,
        is_split_into_words: bool = False,
        return_overflowing_tokens: bool = False,
        return_tensors: Literal["np"],
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding["NDArray[np.int64]"]: ...
    @overload
    def __call__(
        self,
        text: str | Sequence[Any],
        text_pair: str | Sequence[Any] | None = None,
        *,
        is_split_into_words: bool = False,
        return_overflowing_tokens: bool = False,
        return_tensors: Literal["pt"],
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding["torch.Tensor"]: ...
    @overload
    def __call__(
        self,
        text: str | Sequence[Any] | None = None,
        text_pair: str | Sequence[Any] | None = None,
        *,
        is_split_into_words: bool = False,
        return_overflowing_tokens: bool = False,
        return_tensors: str | None = None,
        **options: "Unpack[CallOptions]",
    ) -> BatchEncoding[Any]: ...
    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool | None = None,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        *,
        split_special_tokens: bool | None = None,
        max_target_length: int | None = None,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **unknown: Never,
    ) -> BatchEncoding[Any]:
        """The ids of one text or of several, with their attention mask and what else is asked for.

        A text is a str; with `is_split_into_words` a list of them. `text_pair` gives each a second one, joined as the
        model expects; a list of pairs is the same. One text gives flat lists, or with `return_tensors` ("pt" or "np")
        a batch of one. Texts are cut to `max_length`, or with `truncation=True` to the model's limit.
        `add_special_tokens` is true unless the text is a rendered chat, which has its own. `text_target` is encoded
        alike and becomes `labels`. `split_special_tokens` reads special tokens in the text as ordinary text.
        `tokenizer_kwargs` are arguments that count before the others.
        """
        if unknown:
            refuse_unknown(unknown, of="the tokenizer", known=names_of(Calls.__call__))
        if (
            text.__class__ is str and self._quick and text_pair is None and text_target is None
            and text_pair_target is None and add_special_tokens is None and padding is False and truncation is None
            and max_length is None and not stride and not is_split_into_words and pad_to_multiple_of is None
            and padding_side is None and return_tensors is None and return_token_type_ids is None
            and return_attention_mask is None and not return_overflowing_tokens and not return_special_tokens_mask
            and not return_offsets_mapping and not return_length and verbose and not split_special_tokens
            and max_target_length is None and tokenizer_kwargs is None
        ):  # fmt: skip
            return self._one(text)
        asked = Options(
            add_special_tokens, padding, truncation, max_length, stride, is_split_into_words, pad_to_multiple_of,
            padding_side, return_tensors, return_token_type_ids, return_attention_mask, return_overflowing_tokens,
            return_special_tokens_mask, return_offsets_mapping, return_length, verbose, split_special_tokens,
        )  # fmt: skip
        if tokenizer_kwargs is not None:
            asked = options.over(asked, tokenizer_kwargs)
        if text_target is None and text_pair_target is None and max_target_length is None and text is not None:
            return self._encoded(text, text_pair, asked)
        return self._with_target(text, text_pair, text_target, text_pair_target, asked, max_target_length)

    encode_plus = batch_encode_plus = __call__

    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *, return_tensors: None = None,
        **options: "Unpack[EncodeOptions]",
    ) -> list[int]: ...
    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *, return_tensors: Literal["np"],
        **options: "Unpack[EncodeOptions]",
    ) -> "NDArray[np.int64]": ...
    @overload
    def encode(
        self, text: str | Sequence[str], text_pair: str | Sequence[str] | None = None, *, return_tensors: Literal["pt"],
        **options: "Unpack[EncodeOptions]",
    ) -> "torch.Tensor": ...
    @overload
    def encode(
        self,
        text: str | Sequence[str],
        text_pair: str | Sequence[str] | None = None,
        *,
        return_tensors: str | None = None,
        **options: "Unpack[EncodeOptions]",
    ) -> Any: ...
    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool | None = None,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        *,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        split_special_tokens: bool | None = None,
        verbose: bool = True,
        **unknown: Never,
    ) -> Any:
        """The ids of one text: a list, or with `return_tensors` a (1, time) tensor."""
        if unknown:
            refuse_unknown(unknown, of="encode", known=names_of(Calls.encode))
        if (
            text.__class__ is str and self._quick and text_pair is None and add_special_tokens is None
            and padding is False and truncation is None and max_length is None and not stride and padding_side is None
            and return_tensors is None and not is_split_into_words and pad_to_multiple_of is None
            and not split_special_tokens
        ):  # fmt: skip
            return self._core.encode(text)
        asked = Options(
            add_special_tokens, padding, truncation, max_length, stride, is_split_into_words, pad_to_multiple_of,
            padding_side, return_tensors, False, False, verbose=verbose, split_special_tokens=split_special_tokens,
        )  # fmt: skip
        given = options.inputs(text, text_pair, is_split_into_words)
        if given.several:
            raise ArgumentError(f"encode takes one text, found {type(text).__name__}; call the tokenizer itself")
        return batches.encode(self, given, options.plan(self, asked))["input_ids"]

    def tokenize(
        self,
        text: Any,
        pair: Any = None,
        add_special_tokens: bool = False,
        *,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        is_split_into_words: bool = False,
        split_special_tokens: bool | None = None,
        **unknown: Never,
    ) -> list[str]:
        """The tokens of a text, or of two."""
        refuse_unknown(unknown, of="tokenize", known=names_of(Calls.tokenize))
        asked = Options(
            add_special_tokens, truncation=truncation, max_length=max_length, is_split_into_words=is_split_into_words,
            split_special_tokens=split_special_tokens,
        )  # fmt: skip
        given = options.inputs(text, pair, is_split_into_words)
        if given.several:
            raise ArgumentError(f"tokenize takes one text, found {type(text).__name__}")
        return batches.batch_of(self, given, options.plan(self, asked)).encodings()[0].tokens

    def encode_batch_flat(self, texts: Sequence[str], add_special_tokens: bool | None = None) -> tuple[Any, Any]:
        """All ids in one numpy array (uint32), and where each text's begin (int64, one more than texts).

        The fastest way to the ids of many texts: no Python integers are made.
        """
        given = options.inputs(texts if isinstance(texts, str) else list(texts), None, False)
        if not given.several:
            raise ArgumentError("encode_batch_flat takes a list of texts, found one")
        special = add_special_tokens is not False
        if self.split_special_tokens or any(isinstance(text, ChatText) for text in given.firsts):
            encoded = self._trusting_rows(given.firsts, add_special_tokens)
        elif self._fast is not None:
            return arrays.flat(*self._fast.encode_flat(given.firsts, special))
        else:
            encoded = self._core.encode_batch(given.firsts, special)
        return arrays.joined(encoded)

    def pad(
        self,
        encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
        **unknown: Never,
    ) -> BatchEncoding:
        """Encodings padded together: one dict of rows or a list of dicts, as data collators have them.

        Tensors come back as tensors. Entries that no tokenizer makes go through as they are.
        """
        refuse_unknown(unknown, of="pad", known=names_of(Calls.pad))
        if verbose and max_length is not None and options.padding_of(padding) == "longest":
            self._warn("max_length", "max_length has no effect on padding=True; pass padding='max_length'")
        return rows.pad(
            self, encoded_inputs, padding=padding, max_length=max_length, pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side, return_attention_mask=return_attention_mask, return_tensors=return_tensors,
        )  # fmt: skip

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens a call puts around one text, or around two."""
        return self._core.special_tokens_to_add(pair)

    @property
    def model_input_names(self) -> list[str]:
        """What a call returns if nothing else is said; may be set."""
        return list(self._input_names)

    @model_input_names.setter
    def model_input_names(self, names: Sequence[str]) -> None:
        given = list(names) if isinstance(names, list | tuple) else []
        if not given or not all(isinstance(name, str) for name in given):
            raise ArgumentError(f"model_input_names must be a list of at least one name, found {shown(names)}")
        self._input_names = given
        self._look()

    def _look(self) -> None:
        """Finds out whether calls without options are quick."""
        plain = "attention_mask" in self._input_names and "token_type_ids" not in self._input_names
        self._quick = plain and not self._core.is_random() and not self.split_special_tokens

    def _warn(self, kind: str, text: str) -> None:
        """Says something once a tokenizer."""
        if kind not in self._warned:
            self._warned.add(kind)
            import logging  # takes time, and most programs never need it

            logging.getLogger("litz.tokenizers").warning("%s", text)

    def _one(self, text: str) -> BatchEncoding:
        """What a call with one text and nothing else gives."""
        core = self._core
        ids = core.encode(text)
        made = _new(BatchEncoding)
        made["input_ids"] = ids
        made["attention_mask"] = [1] * len(ids)
        made._known = (_known_of_one, core, text)
        if len(ids) > self.model_max_length:
            batches.warn_of_length(self, len(ids))
        return made

    def _encoded(self, text: Any, pair: Any, asked: Options) -> BatchEncoding:
        return batches.encode(self, options.inputs(text, pair, asked.is_split_into_words), options.plan(self, asked))

    def _with_target(
        self, text: Any, pair: Any, target: Any, target_pair: Any, asked: Options, longest: int | None
    ) -> BatchEncoding:
        """Texts and what a model is to make of them: its ids are the labels."""
        if target is None:
            if text is None:
                raise ArgumentError("nothing to encode: pass text, text_target or both")
            raise ArgumentError("text_pair_target and max_target_length act with text_target only")
        other = asked if longest is None else dataclasses.replace(asked, max_length=longest)
        labels = self._encoded(target, target_pair, other)
        if text is None:
            return labels
        encoded = self._encoded(text, pair, asked)
        encoded["labels"] = labels["input_ids"]
        return encoded

    def _trusting_rows(self, texts: Sequence[str], special: bool | None) -> list[list[int]]:
        extra = [not isinstance(text, ChatText) if special is None else special for text in texts]
        trusted = [() if self.split_special_tokens else trusted_in(text) for text in texts]
        rows = zip(texts, extra, trusted, strict=True)
        return [self._core.encode(text, more, ranges) for text, more, ranges in rows]


def _known_of_one(core: Any, text: str) -> list[Any]:
    return [core.encode_full(text)]
