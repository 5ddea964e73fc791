"""Texts to a BatchEncoding: ids alone where nothing else is asked for, else everything that is known of the tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litz import _core, arrays
from litz.tokenizers import tensors
from litz.tokenizers.chat import ChatText, trusted_in
from litz.tokenizers.core import Core, Encoding, Ranges
from litz.tokenizers.encoding import BatchEncoding, with_known
from litz.tokenizers.options import Inputs, Plan, rounded
from litz.tokenizers.padding import fill, pad_value
from litz.tokenizers.tensors import Rows

if TYPE_CHECKING:
    from litz.tokenizers.calls import Calls


@dataclass(frozen=True)
class Batch:
    """Texts and how they are encoded: all that is needed to encode them again."""

    core: Core
    inputs: Inputs
    special: tuple[bool, ...]  # of each text: whether special tokens are put around it
    trusted: tuple[Ranges | None, ...]  # of each text: where special tokens are recognised in it
    plan: Plan
    truncation_side: str

    def encodings(self) -> Sequence[Encoding]:
        """What is known of the tokens of each text, not padded."""
        truncation: dict[str, Any] = {}
        if self.plan.strategy is not None:
            truncation = {
                "max_length": self.plan.limit, "stride": self.plan.options.stride, "strategy": self.plan.strategy,
                "truncation_side": self.truncation_side,
            }  # fmt: skip
        firsts, seconds = self.inputs.firsts, self.inputs.seconds
        trusts = any(ranges is not None for ranges in self.trusted)
        if len(set(self.special)) <= 1:
            return self.core.encode_full_batch(
                firsts, seconds, add_special_tokens=self.special[0] if self.special else True,
                trusted=self.trusted if trusts else None, **truncation,
            )  # fmt: skip
        others = seconds or [None] * len(firsts)
        rows = zip(firsts, others, self.special, self.trusted, strict=True)
        return [
            self.core.encode_full(first, second, add_special_tokens=special, trusted=ranges, **truncation)
            for first, second, special, ranges in rows
        ]


def batch_of(tokenizer: "Calls", inputs: Inputs, plan: Plan) -> Batch:
    """The texts with what each of them brings along: a rendered chat has its special tokens in it already."""
    asked = plan.options.add_special_tokens
    chats = [isinstance(text, ChatText) for text in inputs.firsts]
    special = tuple(not chat if asked is None else asked for chat in chats)
    split = plan.options.split_special_tokens
    if tokenizer.split_special_tokens if split is None else split:
        trusted: tuple[Ranges | None, ...] = ((),) * len(chats)
    else:
        trusted = tuple(trusted_in(text) if chat else None for text, chat in zip(inputs.firsts, chats, strict=True))
    return Batch(tokenizer._core, inputs, special, trusted, plan, tokenizer.truncation_side)


def encode(tokenizer: "Calls", inputs: Inputs, plan: Plan) -> BatchEncoding:
    """The texts as a plan has it."""
    batch = batch_of(tokenizer, inputs, plan)
    made = _plain(tokenizer, batch) if _is_plain(tokenizer, batch) else _full(tokenizer, batch)
    if inputs.several or plan.kind is not None or plan.options.return_overflowing_tokens:
        return made
    for name, value in made.items():
        if value and isinstance(value[0], list):
            made[name] = value[0]
    return made


def warn_of_length(tokenizer: "Calls", longest: int) -> None:
    """Says once that a text is longer than the model's context."""
    limit = tokenizer.model_max_length
    tokenizer._warn("length", f"a text of {longest} tokens is longer than the model's {limit}; pass truncation=True")


def _is_plain(tokenizer: "Calls", batch: Batch) -> bool:
    """Whether the ids tell all that is asked for."""
    inputs, plan = batch.inputs, batch.plan
    options = plan.options
    more = options.return_overflowing_tokens or options.return_offsets_mapping or options.return_special_tokens_mask
    if more or inputs.seconds is not None or inputs.words or options.stride or plan.strategy == "only_second":
        return False
    if tokenizer._fast is None or len(set(batch.special)) != 1 or batch.core.is_random():
        return False
    if plan.strategy is not None and any(ranges is not None for ranges in batch.trusted):
        return False
    slots = batch.core.slots(False, batch.special[0])
    once = sum(sequence is not None for _, sequence, _, _ in slots) == 1
    zero = tokenizer.pad_token_type_id == 0 and not any(type_id for _, _, type_id, _ in slots)
    return once and (zero or not plan.type_ids)


def _plain(tokenizer: "Calls", batch: Batch) -> BatchEncoding:
    plan, fast = batch.plan, tokenizer._fast
    assert fast is not None
    told: dict[str, Any] = {}
    matrix = plan.kind is not None and (plan.padding is not None or len(batch.inputs.firsts) == 1)
    trusts = any(ranges is not None for ranges in batch.trusted)
    lengths: list[int] = []
    if matrix and not trusts and (tokenizer.pad_token_id is not None or plan.padding is None):
        told, lengths = _matrix(tokenizer, batch, fast)
    # Rows longer than what they are padded to stay as they are.
    if not told or (plan.width is not None and lengths and lengths[0] > plan.width):
        rows = _rows(batch, fast)
        lengths = [len(row) for row in rows]
        told = _lists(tokenizer, batch, rows)
    _check_length(tokenizer, plan, max(lengths, default=0))
    padding = None
    if plan.padding is not None:
        width = _width(plan, max(lengths, default=0))
        lengths = [max(length, width) for length in lengths]
        padding = width, _filler(tokenizer, plan, 0)
    if plan.options.return_length:
        told["length"] = lengths if plan.kind is None else arrays.integers(lengths, tensors.library(plan.kind))
    return with_known(told, (_remade, batch, padding))


def _rows(batch: Batch, fast: _core.Tokenizer) -> Rows:
    texts, special = batch.inputs.firsts, batch.special[0]
    if any(ranges is not None for ranges in batch.trusted):
        return [fast.encode(text, special, ranges) for text, ranges in zip(texts, batch.trusted, strict=True)]
    return fast.encode_batch(texts, special, max_length=batch.plan.limit, truncation_side=batch.truncation_side)


def _lists(tokenizer: "Calls", batch: Batch, rows: Rows) -> dict[str, Any]:
    plan = batch.plan
    mask = [[1] * len(row) for row in rows]
    if plan.padding is not None:
        width = _width(plan, max(map(len, rows), default=0))
        rows = fill(rows, width, value=pad_value(tokenizer, rows, width), side=plan.side)
        mask = fill(mask, width, value=0, side=plan.side)
    told = {"input_ids": rows}
    if plan.type_ids:
        told["token_type_ids"] = [[0] * len(row) for row in rows]
    if plan.attention:
        told["attention_mask"] = mask
    return {name: tensors.of_rows(value, plan.kind) for name, value in told.items()}


def _matrix(tokenizer: "Calls", batch: Batch, fast: _core.Tokenizer) -> tuple[dict[str, Any], list[int]]:
    """Tensors that the core writes itself."""
    plan = batch.plan
    assert plan.kind is not None
    multiple = plan.options.pad_to_multiple_of if plan.padding is not None else None
    ids, mask, width = fast.encode_padded(
        batch.inputs.firsts, batch.special[0], pad_id=tokenizer.pad_token_id or 0, padding_side=plan.side,
        width=plan.width or 0, multiple_of=multiple or 0, max_length=plan.limit,
        truncation_side=batch.truncation_side,
    )  # fmt: skip
    rows, library = len(batch.inputs.firsts), tensors.library(plan.kind)
    told = {"input_ids": arrays.int64(ids, library, shape=(rows, width))}
    if plan.type_ids:
        told["token_type_ids"] = arrays.int64(bytearray(len(ids)), library, shape=(rows, width))
    if plan.attention:
        told["attention_mask"] = arrays.int64(mask, library, shape=(rows, width))
    return told, [width] * rows


def _full(tokenizer: "Calls", batch: Batch) -> BatchEncoding:
    plan = batch.plan
    rows = batch.encodings()
    if plan.padding is not None:
        width = _width(plan, max(map(len, rows), default=0))
        value = pad_value(tokenizer, [row.ids for row in rows] if tokenizer.pad_token_id is None else [], width)
        rows = _padded(rows, width, _filler(tokenizer, plan, value))
    samples = list(range(len(rows)))
    if plan.options.return_overflowing_tokens:
        pieces = [[row, *row.overflowing] for row in rows]
        samples = [sample for sample, row in enumerate(pieces) for _ in row]
        rows = [piece for row in pieces for piece in row]
    options = plan.options
    told = {
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
    numbers = {}
    if options.return_length:
        numbers["length"] = [len(row) for row in rows]
    if options.return_overflowing_tokens:
        numbers["overflow_to_sample_mapping"] = samples
    for name, values in numbers.items():
        told[name] = values if plan.kind is None else arrays.integers(values, tensors.library(plan.kind))
    _check_length(tokenizer, plan, max(map(len, rows), default=0))
    return with_known(told, rows)


def _column(rows: Sequence[Encoding], field: str, kind: tensors.Kind | None) -> Any:
    """One list of each encoding, or all of them as a tensor."""
    if kind is None:
        return [getattr(row, field) for row in rows]
    library = tensors.library(kind)
    shape: tuple[int, ...]
    fast = [row for row in rows if isinstance(row, _core.Encoding)]
    if len(fast) == len(rows):
        buffer, width = _core.encoding_matrix(fast, field)
        shape = (len(rows), width, 2) if field == "offsets" else (len(rows), width)
        return arrays.int64(buffer, library, shape=shape)
    return tensors.convert([getattr(row, field) for row in rows], kind, field)


def _remade(batch: Batch, padding: tuple[int, dict[str, Any]] | None) -> Sequence[Encoding]:
    rows = batch.encodings()
    return rows if padding is None else _padded(rows, *padding)


def _padded(rows: Sequence[Encoding], width: int, filler: dict[str, Any]) -> list[Encoding]:
    return [row.padded(width, **filler) for row in rows]


def _filler(tokenizer: "Calls", plan: Plan, missing: int) -> dict[str, Any]:
    id = tokenizer.pad_token_id
    return {
        "pad_id": missing if id is None else id, "pad_type_id": tokenizer.pad_token_type_id,
        "pad_token": tokenizer.pad_token, "padding_side": plan.side,
    }  # fmt: skip


def _width(plan: Plan, longest: int) -> int:
    return plan.width if plan.width is not None else rounded(longest, plan.options.pad_to_multiple_of)


def _check_length(tokenizer: "Calls", plan: Plan, longest: int) -> None:
    if plan.options.verbose and plan.limit is None and plan.width is None and longest > tokenizer.model_max_length:
        warn_of_length(tokenizer, longest)
