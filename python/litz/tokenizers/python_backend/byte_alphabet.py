"""GPT-2's alphabet: a visible character for every byte, so that BPE on bytes can be written as BPE on text.

Bytes that print in Latin-1 stand for themselves; the other 68 take the characters from U+0100 on, in order. So a space
(0x20) becomes Ġ, a line feed Ċ. Source: the `encoder.py` that came with GPT-2.
"""

_PRINTED = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_HIDDEN = [byte for byte in range(256) if byte not in _PRINTED]

CHAR_OF_BYTE: dict[int, str] = {byte: chr(byte) for byte in _PRINTED}
CHAR_OF_BYTE |= {byte: chr(0x100 + number) for number, byte in enumerate(_HIDDEN)}
BYTE_OF_CHAR: dict[str, int] = {char: byte for byte, char in CHAR_OF_BYTE.items()}
SPACE = CHAR_OF_BYTE[0x20]


def spell(char: str) -> str:
    """A character's UTF-8 bytes in the alphabet."""
    return "".join(CHAR_OF_BYTE[byte] for byte in char.encode())


def read(token: str) -> bytes:
    """The bytes that a token spells; of a token that has other characters too, its own UTF-8 bytes."""
    spelled = [BYTE_OF_CHAR.get(char) for char in token]
    known = [byte for byte in spelled if byte is not None]
    return bytes(known) if len(known) == len(spelled) else token.encode(errors="surrogateescape")
