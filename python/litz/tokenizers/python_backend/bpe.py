"""Byte-pair encoding: begin with characters, and join the two neighbours that were learnt first, until none are known.

Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016); for dropout, Provilkov et
al., "BPE-Dropout" (2020).
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from litz.errors import ArgumentError, FormatError
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.model import Token, byte_name


@dataclass(eq=False)
class _Symbol:
    """A node of the linked list that a word is while it is merged; a length of 0 says that it went into another."""

    id: int
    length: int  # in bytes
    previous: int
    next: int


@dataclass(frozen=True, eq=False)
class Bpe:
    """The model of GPT-2, Llama, Qwen and most others.

    `merges` gives for two neighbours (the rank of their merge, the token they become): a low rank was learnt early.
    """

    vocab: dict[str, int]
    merges: dict[tuple[int, int], tuple[int, int]]
    unknown: str | None = None
    prefix: str = ""
    suffix: str = ""
    dropout: float = 0.0
    fuses_unknown: bool = False
    byte_fallback: bool = False
    ignores_merges: bool = False
    rng: random.Random = field(default_factory=random.Random)

    @classmethod
    def of(cls, fields: Fields, *, seed: int | None) -> "Bpe":
        """The `model` of a file."""
        vocab: dict[str, int] = fields.get("vocab", {})
        prefix = fields.text("continuing_subword_prefix", "")
        dropout = float(fields.get("dropout", 0.0))
        if not 0.0 <= dropout <= 1.0:
            raise FormatError(f"{fields.path}.dropout: found {dropout}, expected a number from 0 to 1")
        return cls(
            vocab,
            _merges(vocab, fields.get("merges", []), prefix),
            unknown=fields.get("unk_token"),
            prefix=prefix,
            suffix=fields.text("end_of_word_suffix", ""),
            dropout=dropout,
            fuses_unknown=fields.flag("fuse_unk", False),
            byte_fallback=fields.flag("byte_fallback", False),
            ignores_merges=fields.flag("ignore_merges", False),
            rng=random.Random(seed),
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", {id: token for token, id in self.vocab.items()})

    def tokens(self, piece: str) -> list[Token]:
        """The tokens of a piece."""
        if self.ignores_merges and not self.dropout and piece in self.vocab:
            return [Token(self.vocab[piece], piece, 0, len(piece.encode()))]
        symbols = self._symbols(piece)
        self._merge(symbols)
        out, at = [], 0
        for symbol in symbols:
            if symbol.length:
                out.append(Token(symbol.id, self._names[symbol.id], at, at + symbol.length))
                at += symbol.length
        return out

    _names: dict[int, str] = field(default_factory=dict, init=False)

    def _symbols(self, piece: str) -> list[_Symbol]:
        """The characters of a piece; what the vocabulary lacks is bytes, or the unknown token, or left out.

        An unknown character waits until it is clear that no other follows to be fused with it; bytes precede it.
        """
        symbols: list[_Symbol] = []
        waiting = 0  # bytes of unknown characters
        for at, char in enumerate(piece):
            affixed = (self.prefix if at > 0 else "") + char + (self.suffix if at == len(piece) - 1 else "")
            length = len(char.encode())
            if affixed in self.vocab:
                waiting = self._flush(symbols, waiting)
                _append(symbols, self.vocab[affixed], length)
            elif self.byte_fallback and (ids := self._bytes(affixed)) is not None:
                for id in ids:
                    _append(symbols, id, 1)
            elif self.unknown is not None:
                if not self.fuses_unknown:
                    waiting = self._flush(symbols, waiting)
                waiting += length
        self._flush(symbols, waiting)
        return symbols

    def _flush(self, symbols: list[_Symbol], waiting: int) -> int:
        if waiting:
            id = self.vocab.get(self.unknown or "")
            if id is None:
                raise ArgumentError(
                    f"the text needs the unknown token {self.unknown!r}, which is not in the vocabulary"
                )
            _append(symbols, id, waiting)
        return 0

    def _bytes(self, text: str) -> list[int] | None:
        ids = [self.vocab.get(byte_name(byte)) for byte in text.encode()]
        known = [id for id in ids if id is not None]
        return known if len(known) == len(ids) else None

    def _merge(self, symbols: list[_Symbol]) -> None:
        """Applies the merges in place: the lowest rank first, of equal ones the leftmost.

        The queue is never cleaned: an entry whose pair has changed since is dropped when it is popped, unless the new
        pair makes the same token. With dropout an entry may be passed over; it returns after the next merge.
        """
        queue: list[tuple[int, int, int]] = []  # (rank, place, new token)
        for at in range(len(symbols) - 1):
            self._offer(queue, symbols, at)
        passed: list[tuple[int, int, int]] = []
        while queue:
            entry = heapq.heappop(queue)
            if self.dropout and self.rng.random() < self.dropout:
                passed.append(entry)
                continue
            for other in passed:
                heapq.heappush(queue, other)
            passed.clear()
            _, at, new = entry
            left = symbols[at]
            if not left.length or left.next < 0:
                continue
            right = symbols[left.next]
            if self.merges.get((left.id, right.id), (0, -1))[1] != new:
                continue
            left.id, left.length, left.next, right.length = new, left.length + right.length, right.next, 0
            if left.next >= 0:
                symbols[left.next].previous = at
                self._offer(queue, symbols, at)
            if left.previous >= 0:
                self._offer(queue, symbols, left.previous)

    def _offer(self, queue: list[tuple[int, int, int]], symbols: list[_Symbol], at: int) -> None:
        merge = self.merges.get((symbols[at].id, symbols[symbols[at].next].id))
        if merge is not None:
            heapq.heappush(queue, (merge[0], at, merge[1]))


def _append(symbols: list[_Symbol], id: int, length: int) -> None:
    if symbols:
        symbols[-1].next = len(symbols)
    symbols.append(_Symbol(id, length, len(symbols) - 1, -1))


def _merges(vocab: dict[str, int], lines: Sequence[Any], prefix: str) -> dict[tuple[int, int], tuple[int, int]]:
    """The merges by the ids of their halves; files write a merge as two texts, older ones as "left right"."""
    merges = {}
    pairs = (
        line.split(" ") if isinstance(line, str) else line
        for line in lines
        if not (isinstance(line, str) and line.startswith("#version"))
    )
    cut = len(prefix.encode())  # what follows a beginning has the prefix, the merged token has it not twice
    for rank, pair in enumerate(pairs):
        if len(pair) != 2:
            raise FormatError(f"model.merges: found {pair!r}, expected two tokens")
        left, right = pair
        whole = (left.encode() + right.encode()[cut:]).decode(errors="replace")
        missing = next((token for token in (left, right, whole) if token not in vocab), None)
        if missing is not None:
            raise FormatError(f"model.merges: {left!r} {right!r} names {missing!r}, which is not in the vocabulary")
        merges[vocab[left], vocab[right]] = (rank, vocab[whole])
    return merges
