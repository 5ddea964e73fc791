"""Texts to a BatchEncoding: by ids alone where they suffice, else by full encodings with offsets, words and masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from litz import _core, arrays
from litz.tokenizers import tensors
from litz.tokenizers.backend import Encoding, Ranges, TokenizerBackend
from litz.tokenizers.call.inputs import Inputs
from litz.tokenizers.call.options import Plan
from litz.tokenizers.call.padding import fill, pad_value, rounded
from litz.tokenizers.chat.text import ChatText, trusted_in
from litz.tokenizers.defaults import Defaults
from litz.tokenizers.encoding import BatchEncoding, with_known
from litz.tokenizers.special_tokens import id_of
from litz.tokenizers.tensors import Rows

Warn = Callable[[str, str], None]
_new = BatchEncoding.__new__


def single(backend: TokenizerBackend, text: str, limit: int, warn: Warn) -> BatchEncoding:
    """The ids of one text and a mask of ones; a warning if there are more than `limit`."""
    ids = backend.encode(text)
    encoding = _new(BatchEncoding)
    encoding["input_ids"] = ids
    encoding["attention_mask"] = [1] * len(ids)
    encoding._known = (_encoding_again, backend, text)
    if len(ids) > limit:
        warn_of_length(len(ids), limit, warn)
    return encoding


def _encoding_again(backend: TokenizerBackend, text: str) -> list[Encoding]:
    return [backend.encode_full(text)]


@dataclass(frozen=True)
class Batch:
    """Texts and how they are encoded: all that is needed to encode them again."""

    backend: TokenizerBackend
    defaults: Defaults
    inputs: Inputs
    special: tuple[bool, ...]  # of each text: whether special tokens are put around it
    trusted: tuple[Ranges | None, ...]  # of each text: where special tokens are recognised in it
    plan: Plan

    def encodings(self) -> Sequence[Encoding]:
        """The full encoding of each text, not padded."""
        truncation: dict[str, Any] = {}
        if self.plan.strategy is not None:
            truncation = {
                "max_length": self.plan.limit, "stride": self.plan.options.stride, "strategy": self.plan.strategy,
                "truncation_side": self.defaults.truncation_side,
            }  # fmt: skip
        firsts, seconds = self.inputs.firsts, self.inputs.seconds
        if len(set(self.special)) <= 1:
            return self.backend.encode_full_batch(
                firsts, seconds, add_special_tokens=self.special[0] if self.special else True,
                trusted=self.trusted if _is_trusting(self) else None, **truncation,
            )  # fmt: skip
        others = seconds or [None] * len(firsts)
        rows = zip(firsts, others, self.special, self.trusted, strict=True)
        return [
            self.backend.encode_full(first, second, add_special_tokens=special, trusted=ranges, **truncation)
            for first, second, special, ranges in rows
        ]


def batch_of(backend: TokenizerBackend, defaults: Defaults, *, inputs: Inputs, plan: Plan) -> Batch:
    """The texts as a batch: special tokens go around each, except around a rendered chat, which has them."""
    requested = plan.options.add_special_tokens
    chats = [isinstance(text, ChatText) for text in inputs.firsts]
    special = tuple(not chat if requested is None else requested for chat in chats)
    split = plan.options.split_special_tokens
    if defaults.split_special_tokens if split is None else split:
        trusted: tuple[Ranges | None, ...] = ((),) * len(chats)
    else:
        trusted = tuple(trusted_in(text) if chat else None for text, chat in zip(inputs.firsts, chats, strict=True))
    return Batch(backend, defaults, inputs, special, trusted, plan)


def encode(batch: Batch, *, warn: Warn) -> BatchEncoding:
    """The texts as the batch's plan has it."""
    plan = batch.plan
    fast = batch.backend if isinstance(batch.backend, _core.Tokenizer) and _is_plain(batch) else None
    encoding = _full(batch, warn) if fast is None else _of_ids(batch, fast, warn)
    if batch.inputs.several or plan.kind is not None or plan.options.return_overflowing_tokens:
        return encoding
    for name, value in encoding.items():
        if value and isinstance(value[0], list):
            encoding[name] = value[0]
    return encoding


def flat(backend: TokenizerBackend, defaults: Defaults, texts: list[str], special: bool | None) -> tuple[Any, Any]:
    """All ids in one array, and where each text's begin."""
    chats = [isinstance(text, ChatText) for text in texts]
    if defaults.split_special_tokens or any(chats):
        split = defaults.split_special_tokens
        rows = [
            backend.encode(text, not chat if special is None else special, () if split else trusted_in(text))
            for text, chat in zip(texts, chats, strict=True)
        ]
    elif isinstance(backend, _core.Tokenizer):
        return arrays.flat(*backend.encode_flat(texts, special is not False))
    else:
        rows = backend.encode_batch(texts, special is not False)
    return arrays.joined(rows)


def warn_of_length(longest: int, limit: int, warn: Warn) -> None:
    """Warns of a text that is longer than the model's context."""
    warn("length", f"a text of {longest} tokens is longer than the model's {limit}; pass truncation=True")


def _is_plain(batch: Batch) -> bool:
    """Whether ids suffice for everything requested."""
    inputs, plan = batch.inputs, batch.plan
    options = plan.options
    more = options.return_overflowing_tokens or options.return_offsets_mapping or options.return_special_tokens_mask
    if more or inputs.seconds is not None or inputs.words or options.stride or plan.strategy == "only_second":
        return False
    if len(set(batch.special)) != 1 or batch.backend.is_random():
        return False
    if plan.strategy is not None and _is_trusting(batch):
        return False
    slots = batch.backend.slots(False, batch.special[0])
    once = sum(sequence is not None for _, sequence, _, _ in slots) == 1
    zero = batch.defaults.pad_token_type_id == 0 and not any(type_id for _, _, type_id, _ in slots)
    return once and (zero or not plan.type_ids)


def _of_ids(batch: Batch, fast: _core.Tokenizer, warn: Warn) -> BatchEncoding:
    plan = batch.plan
    columns: dict[str, Any] = {}
    lengths: list[int] = []
    pad_id = id_of(fast, batch.defaults, "pad_token")
    matrix = plan.kind is not None and (plan.padding is not None or len(batch.inputs.firsts) == 1)
    if matrix and not _is_trusting(batch) and (pad_id is not None or plan.padding is None):
        columns, lengths = _matrix(batch, fast, pad_id or 0)
    # Rows longer than what they are padded to stay as they are.
    if not columns or (plan.width is not None and lengths and lengths[0] > plan.width):
        rows = _rows(batch, fast)
        lengths = [len(row) for row in rows]
        columns = _lists(plan, rows, pad_id)
    longest = max(lengths, default=0)
    _check_length(batch, longest, warn)
    padding = None
    if plan.padding is not None:
        width = _width(plan, longest)
        lengths = [max(length, width) for length in lengths]
        padding = width, _filler(batch, pad_id or 0)
    if plan.options.return_length:
        columns["length"] = _numbers(lengths, plan.kind)
    return with_known(columns, (_encodings_again, batch, padding))


def _is_trusting(batch: Batch) -> bool:
    """Whether special tokens are recognised in parts of a text only."""
    return any(ranges is not None for ranges in batch.trusted)


def _rows(batch: Batch, fast: _core.Tokenizer) -> Rows:
    texts, special = batch.inputs.firsts, batch.special[0]
    if _is_trusting(batch):
        return [fast.encode(text, special, ranges) for text, ranges in zip(texts, batch.trusted, strict=True)]
    side = batch.defaults.truncation_side
    return fast.encode_batch(texts, special, max_length=batch.plan.limit, truncation_side=side)


def _lists(plan: Plan, rows: Rows, pad_id: int | None) -> dict[str, Any]:
    mask = [[1] * len(row) for row in rows]
    if plan.padding is not None:
        width = _width(plan, max(map(len, rows), default=0))
        rows = fill(rows, width, value=pad_value(pad_id, rows, width), side=plan.side)
        mask = fill(mask, width, value=0, side=plan.side)
    columns = {"input_ids": rows}
    if plan.type_ids:
        columns["token_type_ids"] = [[0] * len(row) for row in rows]
    if plan.attention:
        columns["attention_mask"] = mask
    return {name: tensors.of_rows(value, plan.kind) for name, value in columns.items()}


def _matrix(batch: Batch, fast: _core.Tokenizer, pad_id: int) -> tuple[dict[str, Any], list[int]]:
    """Tensors that the core writes itself."""
    plan = batch.plan
    assert plan.kind is not None
    multiple = plan.options.pad_to_multiple_of if plan.padding is not None else None
    ids, mask, width = fast.encode_padded(
        batch.inputs.firsts, batch.special[0], pad_id=pad_id, padding_side=plan.side, width=plan.width or 0,
        multiple_of=multiple or 0, max_length=plan.limit, truncation_side=batch.defaults.truncation_side,
    )  # fmt: skip
    rows, library = len(batch.inputs.firsts), tensors.library(plan.kind)
    columns = {"input_ids": arrays.int64(ids, library, shape=(rows, width))}
    if plan.type_ids:
        columns["token_type_ids"] = arrays.int64(bytearray(len(ids)), library, shape=(rows, width))
    if plan.attention:
        columns["attention_mask"] = arrays.int64(mask, library, shape=(rows, width))
    return columns, [width] * rows


def _full(batch: Batch, warn: Warn) -> BatchEncoding:
    plan, options = batch.plan, batch.plan.options
    rows = batch.encodings()
    if plan.padding is not None:
        width = _width(plan, max(map(len, rows), default=0))
        pad_id = id_of(batch.backend, batch.defaults, "pad_token")
        value = pad_value(pad_id, [row.ids for row in rows] if pad_id is None else [], width)
        rows = _padded(rows, width, _filler(batch, value))
    samples = list(range(len(rows)))
    if options.return_overflowing_tokens:
        pieces = [[row, *row.overflowing] for row in rows]
        samples = [sample for sample, row in enumerate(pieces) for _ in row]
        rows = [piece for row in pieces for piece in row]
    columns = {
        name: _column(rows, field, plan.kind)
        for name, field, wanted in (
            ("input_ids", "ids", True),
            ("token_type_ids", "type_ids", plan.type_ids),
            ("attention_mask", "attention_mask", plan.attention),
            ("special_tokens_mask", "special_tokens_mask", options.return_special_tokens_mask),
            ("offset_mapping", "offsets", options.return_offsets_mapping),
        )
        if wanted
    }
    lengths = [len(row) for row in rows]
    if options.return_length:
        columns["length"] = _numbers(lengths, plan.kind)
    if options.return_overflowing_tokens:
        columns["overflow_to_sample_mapping"] = _numbers(samples, plan.kind)
    _check_length(batch, max(lengths, default=0), warn)
    return with_known(columns, rows)


def _column(rows: Sequence[Encoding], field: str, kind: tensors.Kind | None) -> Any:
    """One list of each encoding, or all of them as a tensor."""
    if kind is None:
        return [getattr(row, field) for row in rows]
    fast = [row for row in rows if isinstance(row, _core.Encoding)]
    if len(fast) < len(rows):
        return tensors.convert([getattr(row, field) for row in rows], kind, field)
    buffer, width = _core.encoding_matrix(fast, field)
    shape = (len(rows), width, 2) if field == "offsets" else (len(rows), width)
    return arrays.int64(buffer, tensors.library(kind), shape=shape)


def _numbers(values: list[int], kind: tensors.Kind | None) -> Any:
    return values if kind is None else arrays.integers(values, tensors.library(kind))


def _encodings_again(batch: Batch, padding: tuple[int, dict[str, Any]] | None) -> Sequence[Encoding]:
    rows = batch.encodings()
    return rows if padding is None else _padded(rows, *padding)


def _padded(rows: Sequence[Encoding], width: int, filler: dict[str, Any]) -> list[Encoding]:
    return [row.padded(width, **filler) for row in rows]


def _filler(batch: Batch, pad_id: int) -> dict[str, Any]:
    defaults = batch.defaults
    return {
        "pad_id": pad_id, "pad_type_id": defaults.pad_token_type_id, "pad_token": defaults.tokens.get("pad_token"),
        "padding_side": batch.plan.side,
    }  # fmt: skip


def _width(plan: Plan, longest: int) -> int:
    return plan.width if plan.width is not None else rounded(longest, plan.options.pad_to_multiple_of)


def _check_length(batch: Batch, longest: int, warn: Warn) -> None:
    plan, limit = batch.plan, batch.defaults.model_max_length
    if plan.options.verbose and plan.limit is None and plan.width is None and longest > limit:
        warn_of_length(longest, limit, warn)
