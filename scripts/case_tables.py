"""Writes crates/litz/src/chat/value/case_tables.rs: character tables that Rust's `char` lacks.

They make characters behave as in Python's `str`. Run it with the newest Python at hand: a character that its Unicode
lacks has no entry, and the general rule applies.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PLACE = Path(__file__).parent.parent / "crates/litz/src/chat/value/case_tables.rs"
HEAD = f"""\
//! What Rust's `char` lacks of Python's `str` (Unicode {unicodedata.unidata_version}). Made by scripts/case_tables.py.

"""


def characters() -> Iterator[str]:
    return (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def ranges(chosen: Iterable[int]) -> list[tuple[int, int]]:
    """Code points in order as ranges that include their ends."""
    found: list[tuple[int, int]] = []
    for code in chosen:
        if found and code == found[-1][1] + 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def shifts(mapped: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Pairs of code points as ranges that move by the same distance."""
    found: list[tuple[int, int, int]] = []
    for code, to in mapped:
        if found and code == found[-1][1] + 1 and to - code == found[-1][2]:
            found[-1] = (found[-1][0], code, to - code)
        else:
            found.append((code, code, to - code))
    return found


def escaped(text: str) -> str:
    """As Rust writes it."""
    return "".join(f"\\u{{{ord(char):X}}}" for char in text)


def class_table(name: str, meaning: str, chosen: Callable[[str], bool]) -> str:
    rows = ranges(ord(char) for char in characters() if chosen(char))
    items = ", ".join(f"(0x{first:X}, 0x{last:X})" for first, last in rows)
    return f"/// {meaning}\npub(super) const {name}: &[(u32, u32)] = &[{items}];\n\n"


def mapping_tables(name: str, meaning: str, mapping: Callable[[str], str], usual: Callable[[str], str]) -> str:
    """Two tables of what differs from the usual: single characters that move, and those that become several."""
    changed = [(char, mapping(char)) for char in characters() if mapping(char) != usual(char)]
    single = shifts([(ord(char), ord(to)) for char, to in changed if len(to) == 1])
    moves = ", ".join(f"(0x{first:X}, 0x{last:X}, {by})" for first, last, by in single)
    texts = ", ".join(f'(0x{ord(char):X}, "{escaped(to)}")' for char, to in changed if len(to) != 1)
    return (
        f"/// {meaning}: from, to, by how much.\npub(super) const {name}: &[(u32, u32, i32)] = &[{moves}];\n\n"
        f"/// {meaning}: those that become several.\npub(super) const {name}_LONG: &[(u32, &str)] = &[{texts}];\n\n"
    )


def main() -> None:
    text = HEAD + class_table(
        "DIGITS", "Digits that are no decimals, such as a superscript.", lambda c: c.isdigit() and not c.isdecimal()
    )
    text += class_table(
        "NUMERALS",
        "Letters that are numbers, such as an ideograph.",
        lambda c: c.isnumeric() and not unicodedata.category(c).startswith("N"),
    )
    text += mapping_tables("FOLDED", "Folded otherwise than in lower case", str.casefold, str.lower)
    text += mapping_tables("TITLED", "In title case otherwise than in upper case", str.title, str.upper)
    PLACE.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
