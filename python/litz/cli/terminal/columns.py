"""The columns that characters take in a terminal."""

import unicodedata


def width(text: str) -> int:
    """The columns that a text takes in a terminal."""
    return sum(map(columns_of, text, " " + text))


def padded(text: str, columns: int) -> str:
    """A text filled with spaces to this many columns."""
    return text + " " * (columns - width(text))


def columns_of(character: str, before: str = "") -> int:
    """The columns of a character; a sign for emoji makes the narrow one before it wide."""
    if " " <= character <= "~":
        return 1
    if character == "\N{VARIATION SELECTOR-16}":
        return int(columns_of(before) == 1 and before > "~") if before else 0
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
