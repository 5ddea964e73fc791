"""Text to ids and back: the calls that people know."""

from collections.abc import Sequence
from typing import Any

from litz.errors import ArgumentError, UnsupportedError
from litz.tokenizers import encoding
from litz.tokenizers.chat import ChatText, trusted_in
from litz.tokenizers.encoding import BatchEncoding, Rows
from litz.tokenizers.settings import UNLIMITED, Side
from litz.tokenizers.special_tokens import SpecialTokens


class Calls(SpecialTokens):
    """The part of `Tokenizer` that encodes and decodes."""

    padding_side: Side
    truncation_side: Side
    model_max_length: int
    clean_up_tokenization_spaces: bool

    # Text to ids

    def __call__(
        self,
        text: str | Sequence[str],
        text_pair: str | Sequence[str] | None = None,
        *,
        add_special_tokens: bool | None = None,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_attention_mask: bool = True,
        return_token_type_ids: bool | None = None,
        padding_side: str | None = None,
    ) -> BatchEncoding:
        """The ids of one text or of several, with their attention mask.

        `add_special_tokens` is true unless the text is a rendered chat, which has its own. One text gives flat lists,
        or with `return_tensors` ("pt" or "np") a batch of one. Texts are cut to `max_length`, or to the model's limit,
        only with `truncation=True`. `text_pair` gives each text a second one, joined as the model expects.
        """
        single = isinstance(text, str)
        kind = encoding.kind_of(return_tensors)
        rows = self._rows(text, text_pair, add_special_tokens, self._cut(truncation, max_length, padding))
        type_ids = self._settings.type_ids if return_token_type_ids is None else return_token_type_ids
        if type_ids and text_pair is not None:
            raise UnsupportedError("token_type_ids of two texts are not implemented; pass return_token_type_ids=False")
        mask = [[1] * len(row) for row in rows]
        limit = self.model_max_length if self.model_max_length < UNLIMITED else None
        width = encoding.width_of(padding, max_length, rows, limit)
        if width is not None:
            side = self._side(padding_side)
            value = self._pad_id() if any(len(row) < width for row in rows) else 0
            rows = encoding.pad(rows, width, value=value, side=side)
            mask = encoding.pad(mask, width, value=0, side=side)
        elif padding_side is not None:
            raise ArgumentError("padding_side acts with padding only; pass padding=True")
        fields: dict[str, Rows] = {"input_ids": rows}
        if type_ids:
            fields["token_type_ids"] = [[0] * len(row) for row in rows]
        if return_attention_mask:
            fields["attention_mask"] = mask
        tensors = {name: encoding.as_tensor(value, kind) for name, value in fields.items()}
        return BatchEncoding({name: value[0] if single and kind is None else value for name, value in tensors.items()})

    def encode(
        self,
        text: str,
        text_pair: str | None = None,
        *,
        add_special_tokens: bool | None = None,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
    ) -> Any:
        """The ids of one text: a list, or with `return_tensors` a (1, time) tensor."""
        if not isinstance(text, str):
            raise ArgumentError(f"encode takes one text, found {type(text).__name__}; call the tokenizer itself")
        return self(
            text, text_pair, add_special_tokens=add_special_tokens, padding=padding, truncation=truncation,
            max_length=max_length, return_tensors=return_tensors, return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]  # fmt: skip

    def tokenize(self, text: str, *, add_special_tokens: bool = False) -> list[str]:
        """The tokens of a text."""
        return [self._known(id) for id in self._core.encode(text, add_special_tokens, trusted_in(text))]

    def _rows(self, text: Any, text_pair: Any, add_special_tokens: bool | None, cut: int | None) -> Rows:
        texts = [text] if isinstance(text, str) else list(text)
        wrong = next((item for item in texts if not isinstance(item, str)), None)
        if wrong is not None:
            raise ArgumentError(f"expected text, or a list of texts; found {wrong!r:.80}")
        if text_pair is not None:
            return self._pairs(texts, text_pair, add_special_tokens is not False, cut)
        special = [
            not isinstance(item, ChatText) if add_special_tokens is None else add_special_tokens for item in texts
        ]
        if len(texts) > 1 and len(set(special)) == 1 and not any(isinstance(item, ChatText) for item in texts):
            rows = self._core.encode_batch([str(item) for item in texts], special[0])
        else:
            rows = [
                self._core.encode(str(item), extra, trusted_in(item))
                for item, extra in zip(texts, special, strict=True)
            ]
        if cut is None:
            return rows
        return [
            encoding.truncate(row, self._around(str(item), row, extra), cut, self.truncation_side)
            for item, row, extra in zip(texts, rows, special, strict=True)
        ]

    def _pairs(self, texts: list[str], others: Any, special: bool, cut: int | None) -> Rows:
        others = [others] if isinstance(others, str) else list(others)
        if len(texts) != len(others):
            raise ArgumentError(f"text has {len(texts)} items and text_pair {len(others)}: they must agree")
        if cut is not None:
            raise UnsupportedError("truncation of two texts is not implemented; cut them before")
        return [self._core.encode_pair(str(a), str(b), special) for a, b in zip(texts, others, strict=True)]

    def _cut(self, truncation: bool | str, max_length: int | None, padding: bool | str) -> int | None:
        """The length that texts are cut to, None where they are not."""
        if truncation in (False, None, "do_not_truncate"):
            if max_length is not None and padding != "max_length":
                raise ArgumentError("max_length acts with truncation=True or padding='max_length'; pass one of them")
            return None
        if truncation not in (True, "longest_first", "only_first"):
            raise ArgumentError(f"truncation is {truncation!r}; expected True or False")
        if max_length is not None and max_length < 1:
            raise ArgumentError(f"max_length is {max_length}; expected a whole number from 1")
        if max_length is None and self.model_max_length >= UNLIMITED:
            raise ArgumentError("truncation=True needs max_length: this tokenizer has no limit of its own")
        return self.model_max_length if max_length is None else max_length

    def _around(self, text: str, row: list[int], special: bool) -> tuple[int, int]:
        """How many special tokens stand before and after a text's own."""
        if not special:
            return 0, 0
        own = self._core.encode(text, False)
        extra = len(row) - len(own)
        before = next((place for place in range(extra + 1) if row[place : place + len(own)] == own), 0)
        return before, extra - before

    def _side(self, side: str | None) -> str:
        if side is not None and side not in ("left", "right"):
            raise ArgumentError(f"padding_side is {side!r}; expected 'left' or 'right'")
        return side or self.padding_side

    def _pad_id(self) -> int:
        if self.pad_token_id is None:
            raise ArgumentError("padding needs a pad token; set tokenizer.pad_token = tokenizer.eos_token")
        return self.pad_token_id

    # Ids to text

    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None
    ) -> Any:
        """The text of an id, a list, an array or a tensor; of several rows, a list of texts.

        `clean_up_tokenization_spaces` removes spaces before punctuation; without it, as the tokenizer was saved.
        """
        ids = encoding.lists(token_ids)
        if isinstance(ids, list) and ids and isinstance(ids[0], list):
            return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids]
        return self._text(ids, skip_special_tokens, clean_up_tokenization_spaces)

    def batch_decode(
        self, sequences: Any, skip_special_tokens: bool = False, *, clean_up_tokenization_spaces: bool | None = None
    ) -> list[str]:
        """The text of each row; of a flat list of ids, the text of each id."""
        rows = [[row] if isinstance(row, int) else row for row in encoding.lists(sequences)]
        return [self._text(row, skip_special_tokens, clean_up_tokenization_spaces) for row in rows]

    def _text(self, ids: Any, skip_special_tokens: bool, clean: bool | None) -> str:
        ids = [ids] if isinstance(ids, int) else ids
        wrong = next((id for id in ids if not isinstance(id, int) or not 0 <= id < 1 << 32), None)
        if wrong is not None:
            raise ArgumentError(f"{wrong!r} is no token id")
        text = self._core.decode(ids, skip_special_tokens)
        if not (self.clean_up_tokenization_spaces if clean is None else clean):
            return text
        for spaced in (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"):
            text = text.replace(spaced, spaced.strip())
        return text
