"""Unicode for the pipeline: character classes, lower case, combining, user-perceived characters.

Python's own `unicodedata` changes with Python, and tokenizer files are older than that. So classes come from the core
as ranges of one version (16), narrowed by the age of a character where the reference's tables are older: its normal
forms are those of Unicode 9, its punctuation and controls those of Unicode 8. In `unicodedata`, the decomposition of a
character of Unicode 9 never changes.
"""

import functools
import unicodedata
from bisect import bisect_right

from litz import _core

Ranges = list[tuple[int, int]]  # code points, both ends included


class CharacterClass:
    """A set of characters, kept as sorted ranges; `char in cls` is a binary search."""

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self._starts = [start for start, _ in ranges]

    def __contains__(self, char: str) -> bool:
        code = ord(char)
        at = bisect_right(self._starts, code) - 1
        return at >= 0 and code <= self.ranges[at][1]


@functools.cache
def character_class(pattern: str) -> CharacterClass:
    r"""The class that a pattern such as `\p{L}` names."""
    return CharacterClass(_core.character_class(pattern))


WHITE_SPACE = r"\s"
WORD = r"\w"
# Unicode 17 added these numbers.
NUMERIC = r"[\p{N}\x{11DE0}-\x{11DE9}\x{16FF4}-\x{16FF6}]"
# The signs of two scripts were punctuation in Unicode 8, and are symbols now.
PUNCTUATION = r"[[\p{P}&&\p{Age=8.0}]\x{166D}\x{111C9}!-/:-@\[-`{-~]"
CONTROL = r"[[\p{Cc}\p{Cf}\p{Co}]&&\p{Age=8.0}]"
# Some signs were marks then and are not now, or the other way round.
MARK = r"[[\p{M}&&\p{Age=9.0}&&[^\x{111C9}]]\x{1CF2}\x{1CF3}]"
NONSPACING_MARK = r"[[\p{Mn}&&\p{Age=8.0}&&[^\x{1885}\x{1886}\x{A9BD}\x{111C9}]]\x{1734}\x{1171E}]"

_UNICODE_9 = r"\p{Age=9.0}"
# Uppercase letters that some supported version of Python lacks.
_NEW_CAPITALS = {
    0x1C89: 0x1C8A, 0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7CE: 0xA7CF, 0xA7D2: 0xA7D3, 0xA7D4: 0xA7D5,
    0xA7DA: 0xA7DB, 0xA7DC: 0x19B,
    **{0x10D50 + i: 0x10D70 + i for i in range(22)},
    **{0x16EA0 + i: 0x16EBB + i for i in range(25)},
}  # fmt: skip


@functools.lru_cache(maxsize=1 << 16)
def lower(char: str) -> str:
    """A character in lower case, whatever its context: a final sigma gets no form of its own."""
    small = _NEW_CAPITALS.get(ord(char))
    return char.lower() if small is None else chr(small)


# Normal forms: Unicode Standard Annex 15.

_HANGUL, _LEADING, _VOWEL, _TRAILING = 0xAC00, 0x1100, 0x1161, 0x11A7
_VOWELS, _TRAILINGS = 21, 28


@functools.lru_cache(maxsize=1 << 16)
def combining_class(char: str) -> int:
    """The order of a mark after its letter; 0 is for characters that begin something."""
    return unicodedata.combining(char) if char in character_class(_UNICODE_9) else 0


@functools.lru_cache(maxsize=1 << 16)
def decomposed(char: str, *, compatible: bool) -> str:
    """A character in its parts: é is e and an accent; with `compatible`, ﬁ is f and i too."""
    if char not in character_class(_UNICODE_9):
        return char
    return unicodedata.normalize("NFKD" if compatible else "NFD", char)


@functools.lru_cache(maxsize=1 << 16)
def composed(first: str, second: str) -> str | None:
    """The one character that two make, or None."""
    one, two = ord(first), ord(second)
    if _LEADING <= one < _LEADING + 19 and _VOWEL <= two < _VOWEL + _VOWELS:
        return chr(_HANGUL + ((one - _LEADING) * _VOWELS + two - _VOWEL) * _TRAILINGS)
    if 0 <= one - _HANGUL < 11172 and (one - _HANGUL) % _TRAILINGS == 0 and _TRAILING < two < _TRAILING + _TRAILINGS:
        return chr(one + two - _TRAILING)
    # Asked with NFC the pair may also be reordered or recomposed; only one whole character counts.
    made = unicodedata.normalize("NFC", first + second)
    if len(made) == 1 and made in character_class(_UNICODE_9) and len(unicodedata.normalize("NFC", first)) == 1:
        return made
    return None


# User-perceived characters: Unicode Standard Annex 29.

_BREAKS = ("CR", "LF", "Control", "Extend", "ZWJ", "RI", "Prepend", "SpacingMark", "L", "V", "T", "LV", "LVT")


@functools.lru_cache(maxsize=1 << 16)
def _break_class(char: str) -> str:
    for name in _BREAKS:
        if char in character_class(rf"\p{{gcb={name}}}"):
            return name
    return "Picture" if char in character_class(r"\p{Extended_Pictographic}") else "Other"


def _joined(before: str, after: str) -> bool:
    """The rules of the annex that need only the two neighbours; True where there is no break between them."""
    if before == "CR" and after == "LF":
        return True
    if before in ("CR", "LF", "Control") or after in ("CR", "LF", "Control"):
        return False
    hangul = {"L": ("L", "V", "LV", "LVT"), "LV": ("V", "T"), "V": ("V", "T"), "LVT": ("T",), "T": ("T",)}
    return after in hangul.get(before, ()) or after in ("Extend", "ZWJ", "SpacingMark") or before == "Prepend"


def graphemes(text: str) -> list[str]:
    """The text cut into what a reader takes for single characters: a letter with its accents, a flag, a family.

    Clusters of Indic consonants stay apart, which rule 9c would join: those are longer than what a charsmap looks at.
    """
    parts: list[str] = []
    classes: list[str] = []  # of the last part
    for char in text:
        now = _break_class(char)
        if classes and (_joined(classes[-1], now) or _picture_or_flag(classes, now)):
            parts[-1] += char
            classes.append(now)
        else:
            parts.append(char)
            classes = [now]
    return parts


def _picture_or_flag(classes: list[str], now: str) -> bool:
    """Rules 11 to 13: pictures joined by a zero-width joiner, and letters of flags in pairs."""
    if now == "Picture" and classes[-1] == "ZWJ":
        letters = [name for name in classes if name not in ("Extend", "ZWJ")]
        return letters[-1:] == ["Picture"]
    if now == "RI" and classes[-1] == "RI":
        flags = len(classes) - next((i for i, name in enumerate(classes) if name == "RI"), 0)
        return flags % 2 == 1
    return False
