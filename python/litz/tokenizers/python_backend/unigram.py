"""The unigram language model: of all ways to cut a piece into tokens, the one whose probabilities multiply to the most.

Each token has a score, the logarithm of its probability, so products are sums. Viterbi's algorithm finds the best sum:
the best way to a place is the best way to some earlier place and one token more. Source: Kudo, "Subword Regularization"
(2018).
"""

from dataclasses import dataclass, field

from litz.errors import ArgumentError, FormatError
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.model import Token, byte_name

# How much worse an unknown character is than the worst token, as SentencePiece has it.
_PENALTY = 10.0


@dataclass(frozen=True)
class Unigram:
    """The model of XLM-R, T5 and ALBERT."""

    scored: list[tuple[str, float]]
    unknown: int | None
    byte_fallback: bool
    unmatched: frozenset[int] = frozenset()  # ids that no text is cut into, such as those of bytes
    vocab: dict[str, int] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, fields: Fields) -> "Unigram":
        """The `model` of a file."""
        scored = [(token, float(score)) for token, score in fields.get("vocab", [])]
        unknown = fields.get("unk_id")
        if unknown is not None and not 0 <= unknown < len(scored):
            raise FormatError(f"model.unk_id: found {unknown}, expected one of the {len(scored)} tokens")
        unmatched = fields.get("unmatched") or []
        if not isinstance(unmatched, list) or not all(type(id) is int for id in unmatched):
            raise FormatError(f"model.unmatched: found {unmatched!r:.60}, expected a list of ids")
        return cls(scored, unknown, fields.flag("byte_fallback", False), frozenset(unmatched))

    def __post_init__(self) -> None:
        self.vocab.update((token, id) for id, (token, _) in enumerate(self.scored))
        object.__setattr__(self, "_longest", max(map(len, self.vocab), default=0))
        scores = (score for id, (_, score) in enumerate(self.scored) if id not in self.unmatched)
        object.__setattr__(self, "_worst", min(scores, default=float("inf")))

    def tokens(self, piece: str) -> list[Token]:
        """The tokens of a piece."""
        out: list[Token] = []
        at = 0
        for part in self._parts(piece):
            end = at + len(part.encode())
            out += self._named(part, at, end)
            at = end
        return out

    _longest: int = field(default=0, init=False)
    _worst: float = field(default=0.0, init=False)

    def _parts(self, piece: str) -> list[str]:
        """The best cut; unknown neighbours are one part."""
        best: list[tuple[float, int, int | None] | None] = [(0.0, 0, None)] + [None] * len(piece)
        for start in range(len(piece)):
            reached = best[start]
            if reached is None:
                continue
            score_here = reached[0]
            alone = False  # whether the single character is a token
            for end in range(start + 1, min(len(piece), start + self._longest) + 1):
                id = self.vocab.get(piece[start:end])
                if id is None or id in self.unmatched:
                    continue
                alone = alone or end == start + 1
                _improve(best, end, (self.scored[id][1] + score_here, start, id))
            if not alone:
                _improve(best, start + 1, (self._worst - _PENALTY + score_here, start, self.unknown))
        return self._walk_back(piece, best)

    def _walk_back(self, piece: str, best: list[tuple[float, int, int | None] | None]) -> list[str]:
        parts: list[str] = []
        end, fusing = len(piece), False
        while end > 0:
            step = best[end]
            if step is None or step[2] is None:
                raise ArgumentError("the text has a character that the vocabulary lacks, and there is no unknown token")
            _, start, id = step
            part = piece[start:end]
            if id == self.unknown and fusing:
                parts[-1] = part + parts[-1]
            else:
                parts.append(part)
            end, fusing = start, id == self.unknown
        return parts[::-1]

    def _named(self, part: str, start: int, end: int) -> list[Token]:
        """The token of a part; of an unknown one its bytes, each of which covers all of it, or the unknown token."""
        id = self.vocab.get(part)
        if id is not None and id not in self.unmatched:
            return [Token(id, part, start, end)]
        if self.byte_fallback:
            names = [byte_name(byte) for byte in part.encode()]
            if all(name in self.vocab for name in names):
                return [Token(self.vocab[name], name, start, end) for name in names]
        if self.unknown is None:
            raise ArgumentError(f"{part!r} is not in the vocabulary, and there is no unknown token")
        return [Token(self.unknown, part, start, end)]


def _improve(best: list[tuple[float, int, int | None] | None], end: int, step: tuple[float, int, int | None]) -> None:
    known = best[end]
    if known is None or step[0] > known[0]:
        best[end] = step
