"""Texts that are ids already, made ready for a model: special tokens around them, truncated, padded."""

from collections.abc import Callable
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import MOST, integer
from litz.tokenizers import special_tokens, tensors
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.call import options, padding, truncation
from litz.tokenizers.call.options import Options
from litz.tokenizers.call.truncation import Ids
from litz.tokenizers.defaults import Defaults
from litz.tokenizers.encoding import BatchEncoding


def joined(
    backend: TokenizerBackend, first: Ids, second: Ids | None, *, add_special_tokens: bool = True
) -> tuple[Ids, Ids, Ids]:
    """Ids with the special tokens of the tokenizer's template; their type ids; which of them are special tokens."""
    ids, type_ids, mask = [], [], []
    for token, sequence, type_id, is_special in backend.slots(second is not None, add_special_tokens):
        part = [token] if token is not None else first if sequence == 0 else second or []
        ids += part
        type_ids += [type_id] * len(part)
        mask += [int(is_special)] * len(part)
    return ids, type_ids, mask


def special_mask(backend: TokenizerBackend, defaults: Defaults, first: Any, second: Any, *, joined_before: bool) -> Ids:
    """1 for each special token of ids once they are joined, or of ids that were joined before."""
    if not joined_before:
        return joined(backend, *rows(first, second))[2]
    if second is not None:
        raise ArgumentError("already_has_special_tokens=True takes one list of ids, that of both texts")
    special = frozenset(special_tokens.all_ids(backend, defaults))
    return [int(id in special) for id in tensors.row(first, "token_ids_0")]


def truncated(
    defaults: Defaults, first: Any, second: Any, *, remove: int, strategy: Any, stride: int
) -> tuple[Ids, Ids | None, Ids]:
    """Ids with `remove` ids less, and what was cut off, with `stride` ids before it."""
    found = truncation.strategy_of(strategy)
    if found is None:
        return first, second, []
    return truncation.truncated(
        *rows(first, second), integer(remove, "num_tokens_to_remove", least=-MOST),
        strategy=found, stride=integer(stride, "stride"), side=defaults.truncation_side,
    )  # fmt: skip


def prepared(
    backend: TokenizerBackend,
    defaults: Defaults,
    first: Any,
    second: Any,
    requested: Options,
    *,
    batch_axis: bool,
    warn: Callable[[str, str], None],
) -> BatchEncoding:
    """What a call of the tokenizer gives for texts that are ids already."""
    first, second = rows(first, second)
    plan = options.plan(defaults, requested, warn=warn)
    special = requested.add_special_tokens is not False
    around = backend.special_tokens_to_add(second is not None) if special else 0
    total = len(first) + len(second or ()) + around
    over = max(0, total - plan.limit) if plan.limit is not None else 0
    cut: Ids = []
    if plan.strategy is not None and over:
        if plan.limit is not None and plan.limit < around:
            raise ArgumentError(f"max_length is {plan.limit}; the special tokens alone are {around}")
        first, second, cut = truncation.truncated(
            first, second, over, strategy=plan.strategy, stride=requested.stride, side=defaults.truncation_side
        )
    ids, type_ids, mask = joined(backend, first, second, add_special_tokens=special)
    name = defaults.model_input_names[0]
    columns: dict[str, Any] = {name: ids}
    if plan.type_ids:
        columns["token_type_ids"] = type_ids
    if requested.return_special_tokens_mask:
        columns["special_tokens_mask"] = mask
    padded = padding.pad(
        backend, defaults, columns, padding=requested.padding,
        max_length=requested.max_length if plan.padding == "max_length" else None,
        pad_to_multiple_of=requested.pad_to_multiple_of, padding_side=requested.padding_side,
        return_attention_mask=plan.attention,
    )  # fmt: skip
    if requested.return_overflowing_tokens and cut:
        padded["overflowing_tokens"] = cut
        padded["num_truncated_tokens"] = over
    if requested.return_length:
        padded["length"] = len(padded[name])
    return padded.convert_to_tensors(plan.kind, batch_axis)


def rows(first: Any, second: Any) -> tuple[Ids, Ids | None]:
    """One or two texts as lists of ids, from whatever holds them."""
    return tensors.row(first, "ids"), None if second is None else tensors.row(second, "the second ids")
