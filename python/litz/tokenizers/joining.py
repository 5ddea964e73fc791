"""Ids that exist already, made ready for a model: special tokens around them, cut, padded."""

from typing import TYPE_CHECKING, Any

from litz.errors import ArgumentError
from litz.tokenizers import options
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.options import Options

if TYPE_CHECKING:
    from litz.tokenizers.calls import Calls

Ids = list[int]


def joined(tokenizer: "Calls", first: Ids, second: Ids | None, special: bool = True) -> tuple[Ids, Ids, Ids]:
    """Ids with the special tokens of the tokenizer's template; their type ids; which of them are special tokens."""
    ids, type_ids, mask = [], [], []
    for token, sequence, type_id, is_special in tokenizer._core.slots(second is not None, special):
        part = [token] if token is not None else first if sequence == 0 else second or []
        ids += part
        type_ids += [type_id] * len(part)
        mask += [int(is_special)] * len(part)
    return ids, type_ids, mask


def truncated(
    first: Ids, second: Ids | None, remove: int, *, strategy: options.Strategy, stride: int, side: str
) -> tuple[Ids, Ids | None, Ids]:
    """Two lists of ids with `remove` ids less, and what was cut off with `stride` ids before it.

    What two lists lose by longest_first is not returned: it is not one piece.
    """
    if remove <= 0:
        return first, second, []
    if strategy == "only_second":
        if second is None:
            raise ArgumentError("truncation is only_second, but there is no second text; use only_first")
        kept, cut = _cut(second, remove, stride, side)
        return first, kept, cut
    if strategy == "only_first" or second is None:
        kept, cut = _cut(first, remove, stride, side)
        return kept, second, cut
    longer = min(abs(len(first) - len(second)), remove)
    both = remove - longer
    if len(first) > len(second):
        lost = longer + both // 2, both - both // 2
    else:
        lost = both // 2, longer + both - both // 2
    return _cut(first, lost[0], 0, side)[0], _cut(second, lost[1], 0, side)[0], []


def _cut(ids: Ids, remove: int, stride: int, side: str) -> tuple[Ids, Ids]:
    window = min(len(ids), stride + remove)
    remove = min(len(ids), remove)
    if side == "left":
        return ids[remove:], ids[:window]
    return ids[: len(ids) - remove], ids[len(ids) - window :]


def prepared(tokenizer: "Calls", first: Ids, second: Ids | None, asked: Options, batch_axis: bool) -> BatchEncoding:
    """What a call of the tokenizer gives for a text that is ids already."""
    plan = options.plan(tokenizer, asked)
    special = asked.add_special_tokens is not False
    around = tokenizer.num_special_tokens_to_add(second is not None) if special else 0
    total = len(first) + len(second or ()) + around
    over = max(0, total - plan.limit) if plan.limit is not None else 0
    if plan.strategy is not None and over:
        if plan.limit is not None and plan.limit < around:
            raise ArgumentError(f"max_length is {plan.limit}; the special tokens alone are {around}")
        first, second, cut = truncated(
            first, second, over, strategy=plan.strategy, stride=asked.stride, side=tokenizer.truncation_side
        )
    else:
        cut = []
    ids, type_ids, mask = joined(tokenizer, first, second, special)
    told: dict[str, Any] = {tokenizer.model_input_names[0]: ids}
    if plan.type_ids:
        told["token_type_ids"] = type_ids
    if asked.return_special_tokens_mask:
        told["special_tokens_mask"] = mask
    padded = tokenizer.pad(
        told, padding=asked.padding, max_length=asked.max_length if plan.padding == "max_length" else None,
        pad_to_multiple_of=asked.pad_to_multiple_of, padding_side=asked.padding_side,
        return_attention_mask=plan.attention,
    )  # fmt: skip
    if asked.return_overflowing_tokens and cut:
        padded["overflowing_tokens"] = cut
        padded["num_truncated_tokens"] = over
    if asked.return_length:
        padded["length"] = len(padded[tokenizer.model_input_names[0]])
    return padded.convert_to_tensors(plan.kind, batch_axis)
