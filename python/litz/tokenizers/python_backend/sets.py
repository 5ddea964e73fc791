"""Sets of code points as sorted ranges, and how `re` writes them."""

import functools
import unicodedata

from litz.errors import UnsupportedError
from litz.tokenizers.python_backend.unicode import Ranges, character_class, lower

LAST = 0x10FFFF


def normal(ranges: Ranges) -> Ranges:
    """The same set, sorted, with neighbours joined."""
    out: Ranges = []
    for start, end in sorted(ranges):
        if out and start <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def complement(ranges: Ranges) -> Ranges:
    """Every other code point."""
    out, next_start = [], 0
    for start, end in normal(ranges):
        if start > next_start:
            out.append((next_start, start - 1))
        next_start = end + 1
    return [*out, (next_start, LAST)] if next_start <= LAST else out


def both(left: Ranges, right: Ranges) -> Ranges:
    """The code points of both sets."""
    return complement(complement(left) + complement(right))


def any_case(ranges: Ranges) -> Ranges:
    """With every letter that differs from one of the set by its case alone."""
    added = [
        (code, code)
        for family in _case_families().values()
        if any(start <= code <= end for code in family for start, end in ranges)
        for code in family
    ]
    return normal(ranges + added)


@functools.cache
def _case_families() -> dict[str, list[int]]:
    """Letters by what all of them become when case is folded away: k, K and the sign for kelvin."""
    families: dict[str, list[int]] = {}
    for start, end in character_class(r"[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]").ranges:
        for code in range(start, end + 1):
            folded = lower(chr(code)).casefold()  # for letters that this version of Python lacks
            if len(folded) == 1:
                families.setdefault(folded, []).append(code)
    return families


@functools.cache
def long_folds() -> frozenset[str]:
    """Several letters that are one in another case, as ss is ß."""
    cased = character_class(r"\p{Changes_When_Casefolded}").ranges
    folds = (chr(code).casefold() for start, end in cased for code in range(start, end + 1))
    return frozenset(fold for fold in folds if len(fold) > 1)


# What Oniguruma calls by these names, in brackets ([[:alpha:]]) and as properties (\p{Alpha}).
_NAMED = {
    "alnum": r"[\p{Alphabetic}\p{Nd}]", "alpha": r"\p{Alphabetic}", "ascii": r"[\x00-\x7F]", "blank": r"[\p{Zs}\t]",
    "cntrl": r"\p{Cc}", "digit": r"\p{Nd}", "graph": r"[^\s\p{Cc}\p{Cn}]", "lower": r"\p{Lowercase}",
    "print": r"[[^\p{Cc}\p{Cn}]--[\x{2028}\x{2029}]]", "punct": r"\p{P}", "space": r"\s", "upper": r"\p{Uppercase}",
    "xdigit": "[0-9A-Fa-f]",
}  # fmt: skip
# Word characters have no joiners among them; by themselves, not in brackets, they have more of Latin-1.
_WORD_IN_BRACKETS = r"[\w--[\x{200C}\x{200D}]]"
_WORD = r"[[\w\xB2\xB3\xB9\xBC-\xBE]--[\x{200C}\x{200D}]]"


def word(*, bracketed: bool = False) -> Ranges:
    r"""The set of `\w`."""
    return character_class(_WORD_IN_BRACKETS if bracketed else _WORD).ranges


def named(name: str, path: str, *, bracketed: bool) -> Ranges:
    r"""The set of `\p{name}`."""
    key = name.lower().replace("_", "").replace(" ", "")
    if key == "word":
        return word(bracketed=bracketed)
    try:
        return character_class(_NAMED.get(key, rf"\p{{{name}}}")).ranges
    except ValueError:
        raise UnsupportedError(f"{path}: the property {name!r} of a regex is not implemented by litz") from None


def posix(name: str, path: str) -> Ranges:
    """The set of `[:name:]`, in brackets."""
    if name == "punct":
        return character_class(r"[\p{P}\p{S}]").ranges
    if name != "word" and name not in _NAMED:
        raise UnsupportedError(f"{path}: [:{name}:] of a regex is not implemented by litz")
    return named(name, path, bracketed=True)


def written(ranges: Ranges) -> str:
    """The set as `re` reads it; the empty set is a pattern that never matches."""
    ranges = normal(ranges)
    if not ranges:
        return "(?!)"
    parts = (_code(start) if start == end else f"{_code(start)}-{_code(end)}" for start, end in ranges)
    return f"[{''.join(parts)}]"


def _code(code: int) -> str:
    char = chr(code)
    plain = (char.isascii() and char.isalnum()) or (code > 0xA0 and unicodedata.category(char)[0] in "LN")
    return char if plain else f"\\U{code:08X}"
