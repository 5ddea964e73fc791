"""Three implementations side by side: the reference library, the fast core and the slow Python, on the same texts.

A `Case` is one call; each implementation's result is converted to one form, so that they can be compared with `==`.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer as Reference

from litz import _core
from litz.tokenizers import python_backend

Sequences = str | Sequence[str]
LISTS = ("ids", "type_ids", "tokens", "offsets", "word_ids", "sequence_ids", "special_tokens_mask", "attention_mask")


class Trio:
    """A reference tokenizer, and both of ours reading its file."""

    def __init__(self, reference: Reference) -> None:
        file = reference.to_str()
        self.reference = reference
        self.ours: Mapping[str, Any] = {
            "slow": python_backend.PythonTokenizer.from_json(file, seed=0),
            "fast": _core.Tokenizer.from_json(file.encode()),
        }
        self.added = max(reference.num_special_tokens_to_add(pair) for pair in (False, True))

    def encode_apart(self, texts: Sequence[str], seed: int) -> Iterator[str]:
        """The calls with different results, as text."""
        for case in cases(texts, seed, added=self.added):
            expected = failing(lambda case=case: of_reference(self.reference, case))
            for name, tokenizer in self.ours.items():
                found = failing(lambda case=case, tokenizer=tokenizer: of_ours(tokenizer, case))
                if expected is not None and found != expected:
                    yield f"{name}: {case}\n  {difference(expected, found)}"

    def decode_apart(self, lists: Iterable[list[int]]) -> Iterator[str]:
        """The ids that are decoded differently, whole or one by one."""
        for ids in lists:
            for skip in (False, True):
                expected = failing(lambda ids=ids, skip=skip: self.reference.decode(ids, skip_special_tokens=skip))
                for name, tokenizer in self.ours.items():
                    found = failing(lambda ids=ids, skip=skip, tokenizer=tokenizer: tokenizer.decode(ids, skip))
                    streamed = failing(
                        lambda ids=ids, skip=skip, tokenizer=tokenizer: stream(tokenizer, ids, skip=skip)
                    )
                    # Of bytes that turn out to be unreadable, a stream may have shown complete characters before.
                    together = found if expected is not None and "\ufffd" in expected else streamed
                    if expected is not None and not found == together == expected:
                        yield f"{name}: {ids}, skip={skip}\n  {expected!r}\n  {found!r}\n  {streamed!r}"


def failing(call: Any) -> Any:
    """What a call returns; None where it fails, as the reference does in several ways, a panic among them."""
    try:
        return call()
    except Exception:
        return None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


def stream(tokenizer: Any, ids: list[int], *, skip: bool) -> str:
    """The text of ids that come one by one."""
    decoding = tokenizer.stream(skip)
    return "".join([*map(decoding.push, ids), decoding.finish()])


def difference(expected: list[Any], found: list[Any] | None) -> str:
    """The first field in which two results differ."""
    if found is None:
        return f"an error; expected {expected}"
    pairs = zip((*LISTS, "overflowing"), expected, found, strict=True)
    return next(f"{name}:\n  {left!r:.600}\n  {right!r:.600}" for name, left, right in pairs if left != right)


@dataclass(frozen=True)
class Cut:
    """How a call truncates."""

    max_length: int
    stride: int
    strategy: str
    side: str


@dataclass(frozen=True)
class Case:
    """One call of a tokenizer."""

    text: Sequences
    pair: Sequences | None
    special: bool
    cut: Cut | None

    @property
    def split(self) -> bool:
        """Whether words were split before."""
        return not isinstance(self.text, str)


def row(encoding: Any) -> list[Any]:
    """Every field of an encoding, and its overflowing pieces.

    Overflowing pieces of the reference repeat among themselves those that come after them, which nobody reads.
    """
    return [*_said(encoding), [_said(part) for part in encoding.overflowing]]


def _said(encoding: Any) -> list[Any]:
    return [[tuple(value) if name == "offsets" else value for value in getattr(encoding, name)] for name in LISTS]


def of_reference(reference: Reference, case: Case) -> list[Any]:
    """The result of the `tokenizers` library."""
    cut = case.cut
    reference.no_padding()
    if cut is None:
        reference.no_truncation()
    else:
        reference.enable_truncation(cut.max_length, stride=cut.stride, strategy=cut.strategy, direction=cut.side)
    return row(reference.encode(case.text, case.pair, is_pretokenized=case.split, add_special_tokens=case.special))


def of_ours(tokenizer: Any, case: Case) -> list[Any]:
    """The result of one of ours, through the protocol that both have."""
    keywords = {} if case.cut is None else {
        "max_length": case.cut.max_length, "stride": case.cut.stride, "strategy": case.cut.strategy,
        "truncation_side": case.cut.side,
    }  # fmt: skip
    return row(tokenizer.encode_full(case.text, case.pair, add_special_tokens=case.special, **keywords))


def cases(texts: Sequence[str], seed: int, *, added: int) -> Iterator[Case]:
    """Calls about the texts: most are one text, some a pair, words that were split before, or cut.

    `added` is the most special tokens that the tokenizer puts around; nothing is cut below them.
    """
    rng = random.Random(seed)
    for text in texts:
        kind = rng.random()
        pair: Sequences | None = None
        first: Sequences = text
        if kind < 0.15:
            pair = rng.choice(texts)
        elif kind < 0.25:
            first, pair = text.split(" "), (rng.choice(texts).split() if kind < 0.2 else None)
        special = rng.random() < 0.7
        yield Case(first, pair, special, _cut(rng, added, pair is not None) if rng.random() < 0.15 else None)


def _cut(rng: random.Random, added: int, pair: bool) -> Cut:
    room = rng.choice([1, 2, 3, 5, 8, 13])
    least = room // 2 if pair else room
    stride = rng.randrange(max(1, min(least, 3)))
    strategy = rng.choice(["longest_first", "only_first", "only_second"]) if pair else "longest_first"
    return Cut(room + added, stride, strategy, rng.choice(["left", "right"]))
