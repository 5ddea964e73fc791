"""A text with the origin of every character.

Normalizers insert, remove, reorder and replace characters, and yet a token must say which characters of the original it
covers. So each character carries its origin, a range of the original text, through the whole pipeline:

    original   C   a   f   e   ◌́        (e and a combining accent: two characters)
    NFC        C   a   f   é            é covers both
    origins    0:1 1:2 2:3 3:5
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True)
class Text:
    """A piece of text as the pipeline has made it so far; its origins count characters of the original text.

    `start` is where the piece began when it was cut off. It stays when the piece's own characters change.
    """

    chars: str
    origins: tuple[Span, ...]
    start: int = 0

    def __post_init__(self) -> None:
        if len(self.chars) != len(self.origins):
            raise ValueError(f"{len(self.chars)} characters have {len(self.origins)} origins")

    @classmethod
    def of(cls, original: str) -> "Text":
        """An original text: every character comes from itself."""
        return cls(original, tuple((at, at + 1) for at in range(len(original))))

    def cut(self, start: int, end: int) -> "Text":
        """The characters from `start` to `end` as a piece of their own."""
        origins = self.origins[start:end]
        return Text(self.chars[start:end], origins, origins[0][0] if origins else self.start)

    def changed(self, changes: Iterable[tuple[str, int]], *, skipped: int = 0) -> "Text":
        """The text rewritten by one change a character of the result, after `skipped` characters were dropped.

        A change is the new character and a number. 0 replaces the next character of the old text. A positive number
        inserts: the new character comes from where the one before it came from. -n replaces the next character and
        drops the n after it.
        """
        chars, origins, at = [], [], skipped
        for char, change in changes:
            if change > 0:
                origins.append(self._before(at))
            else:
                origins.append(self.origins[at])
                at += 1 - change
            chars.append(char)
        return Text("".join(chars), tuple(origins), self.start)

    def mapped(self, chars: Sequence[str]) -> "Text":
        """The text with each character replaced by one or more: all of them come from where it came from."""
        origins = tuple(origin for new, origin in zip(chars, self.origins, strict=True) for _ in new)
        return Text("".join(chars), origins, self.start)

    def replaced(self, matches: Iterable[Span], content: str) -> "Text":
        """The text with `content` in place of each match; it comes from the last character that it replaces."""
        chars, origins, last = [], [], 0
        for start, end in matches:
            chars += [self.chars[last:start], content]
            origins += [*self.origins[last:start], *[self._before(end)] * len(content)]
            last = end
        return Text("".join([*chars, self.chars[last:]]), (*origins, *self.origins[last:]), self.start)

    def prepended(self, prefix: str) -> "Text":
        """The text with a prefix, which comes from where the first character came from."""
        if not self.chars:
            return self
        return Text(prefix + self.chars, (self.origins[0],) * len(prefix) + self.origins, self.start)

    def filtered(self, kept: Iterable[bool]) -> "Text":
        """The characters that are kept."""
        chosen = [at for at, keep in enumerate(kept) if keep]
        return Text("".join(self.chars[at] for at in chosen), tuple(self.origins[at] for at in chosen), self.start)

    def _before(self, at: int) -> Span:
        return self.origins[at - 1] if at > 0 else (self.start, self.start)
