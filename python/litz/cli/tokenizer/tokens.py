"""Tokens in readable form: parts of characters as bytes, white space as signs."""

import unicodedata
from dataclasses import dataclass
from typing import Any

_VISIBLE = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", " ": "·"}


@dataclass(frozen=True)
class Token:
    """A token in a text: `start` and `end` count its characters."""

    id: int
    text: str
    start: int
    end: int
    special: bool


def tokens_of(tokenizer: Any, text: str, *, special: bool) -> list[Token]:
    """The tokens of a text, each in readable form."""
    core = tokenizer._core
    encoding = core.encode_full(text, add_special_tokens=special)
    control = {id for id, _, is_special, *_ in core.added_tokens() if is_special}
    spans = zip(encoding.ids, encoding.offsets, strict=True)
    return [Token(id, readable(core, id), start, end, id in control) for id, (start, end) in spans]


def readable(core: Any, id: int) -> str:
    """The text of an id inside a sequence; bytes that are no whole character as `<E4 BD>`."""
    token = core.id_to_token(id)
    if token is None:
        return ""
    # Where a text begins, decoders drop a space: the second of two has it.
    spelt = core.decode_bytes([id, id])[len(core.decode_bytes([id])) :]
    if not spelt or spelt == b" " + token.encode():
        return str(token)
    out, broken = [""], bytearray()
    for character in spelt.decode(errors="surrogateescape"):
        if "\udc80" <= character <= "\udcff":
            broken.append(ord(character) - 0xDC00)
            continue
        out += [_bytes(broken), character]
        broken.clear()
    return "".join([*out, _bytes(broken)])


def _bytes(broken: bytearray) -> str:
    return f"<{broken.hex(' ').upper()}>" if broken else ""


def visible(text: str) -> str:
    """A text on one line: white space as signs, and control characters by their numbers."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in _VISIBLE:
        return _VISIBLE[character]
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        code = ord(character)
        return f"<{code:02X}>" if code < 0x80 else f"<U+{code:04X}>"
    return character
