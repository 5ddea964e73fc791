"""What each generation parameter may be: one conversion of callers' and files' values to what the core reads."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import MOST, integer, number, shown, token_id

# The core computes scores in float32: what does not fit is no number there.
_MOST_FLOAT = 3.4028234663852886e38
_MOST_SEED = 2**64 - 1
# Each continuation keeps a copy of its prompt from the start.
MOST_CONTINUATIONS = 10_000

Reader = Callable[[Any, str], Any]


def read(name: str, value: Any) -> Any:
    """A parameter's value in the types of JSON, -1 for "none" left out; ArgumentError names what is out of range.

    Names without an entry here are read by nobody and returned as they are.
    """
    reader = _READERS.get(name)
    return value if reader is None or value is None else reader(value, name)


def plain(value: Any) -> Any:
    """Numbers and lists as JSON knows them, from numpy, torch or tuples."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


def _count(least: int, most: int = MOST) -> Reader:
    return lambda value, name: integer(value, name, least=least, most=most)


def _number(least: float, most: float = _MOST_FLOAT, *, open_low: bool = False) -> Reader:
    def read_number(value: Any, name: str) -> float:
        found = number(value, name, least=least, most=most)
        if open_low and found == least:
            raise ArgumentError(f"{name} must be above {least:g}, found {shown(value)}")
        return found

    return read_number


def _flag(value: Any, name: str) -> bool:
    found = plain(value)
    if not isinstance(found, bool):
        raise ArgumentError(f"{name} must be True or False, found {shown(value)}")
    return found


def _items(value: Any, name: str, what: str) -> list[Any]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise ArgumentError(f"{name} must be {what}, found {shown(value)}")
    return list(value)


def _is_none(token: Any) -> bool:
    """Published files say -1 where they mean that there is no such token."""
    return not isinstance(token, (bool, float)) and _equal(token, -1)


def _equal(value: Any, other: int) -> bool:
    try:
        return bool(value == other)
    except (TypeError, ValueError, RuntimeError):
        return False


def _tokens(value: Any, name: str) -> list[int]:
    """One id or several; -1 is no token."""
    found = plain(value)
    items = found if isinstance(found, list) else [found]
    return [token_id(item, name) for item in items if not _is_none(item)]


def _forced(value: Any, name: str) -> list[int]:
    found = plain(value)
    return [token_id(item, name) for item in (found if isinstance(found, list) else [found])]


def _one_token(value: Any, name: str) -> int | None:
    return None if _is_none(value) else token_id(value, name)


def _forced_one(value: Any, name: str) -> int:
    return token_id(value, name)


def _pad(value: Any, name: str) -> int:
    """Results are padded with it, and -1 is a usual filling."""
    return -1 if _is_none(value) else token_id(value, name)


def _words(value: Any, name: str) -> list[list[int]]:
    what = "a list of lists of token ids, none empty"
    words = [_items(word, name, what) for word in _items(value, name, what)]
    if not all(words):
        raise ArgumentError(f"{name} must be {what}, found {shown(value)}")
    return [[token_id(item, name) for item in word] for word in words]


def _biases(value: Any, name: str) -> list[list[Any]]:
    what = "a dict from tuples of token ids to numbers, or a list of [[token ids], number] pairs"
    pairs = list(value.items()) if isinstance(value, Mapping) else _items(value, name, what)
    read_pairs = []
    for pair in pairs:
        items = _items(pair, name, what)
        if len(items) != 2:
            raise ArgumentError(f"{name} must be {what}, found {shown(pair)} in it")
        tokens, bias = items
        (sequence,) = _words([tokens], name)
        forbids = not isinstance(bias, bool) and isinstance(bias, float) and bias == -math.inf
        amount = "-inf" if forbids else number(bias, name, least=-_MOST_FLOAT, most=_MOST_FLOAT)
        read_pairs.append([sequence, amount])
    return read_pairs


def _decay(value: Any, name: str) -> list[Any]:
    items = _items(value, name, "[start, factor]: a number of tokens and a number")
    if len(items) != 2:
        raise ArgumentError(f"{name} must be [start, factor], found {shown(value)}")
    return [integer(items[0], name), number(items[1], name, least=-_MOST_FLOAT, most=_MOST_FLOAT)]


def _strings(value: Any, name: str) -> list[str]:
    items = [value] if isinstance(value, str) else _items(value, name, "a string or a list of strings")
    if not all(isinstance(item, str) and item for item in items):
        raise ArgumentError(f"{name} must be a string or a list of strings, none empty, found {shown(value)}")
    return items


def _context(value: Any, name: str) -> str:
    if value not in ("error", "slide"):
        raise ArgumentError(f'{name} must be "error" or "slide", found {shown(value)}')
    return str(value)


_share = _number(0.0, 1.0)
_positive_share = _number(0.0, 1.0, open_low=True)
_any_number = _number(-_MOST_FLOAT)

_READERS: dict[str, Reader] = {
    "max_new_tokens": _count(1), "max_length": _count(1), "min_new_tokens": _count(0), "min_length": _count(0),
    "max_time": _number(0.0, open_low=True), "stop_strings": _strings, "context": _context,
    "do_sample": _flag, "temperature": _number(0.0), "top_k": _count(0), "top_p": _share, "min_p": _share,
    "top_h": _positive_share, "typical_p": _positive_share, "epsilon_cutoff": _share, "eta_cutoff": _share,
    "seed": _count(0, _MOST_SEED), "num_return_sequences": _count(1, MOST_CONTINUATIONS),
    "repetition_penalty": _number(0.0, open_low=True), "presence_penalty": _any_number,
    "frequency_penalty": _any_number, "no_repeat_ngram_size": _count(0), "bad_words_ids": _words,
    "sequence_bias": _biases, "suppress_tokens": _tokens, "begin_suppress_tokens": _tokens,
    "forced_bos_token_id": _forced_one, "forced_eos_token_id": _forced,
    "exponential_decay_length_penalty": _decay, "remove_invalid_values": _flag, "renormalize_logits": _flag,
    "eos_token_id": _tokens, "bos_token_id": _one_token, "pad_token_id": _pad, "return_dict_in_generate": _flag,
    "batch_size": _count(1),
}  # fmt: skip
