"""SentencePiece's precompiled map of characters: which sequences of bytes the normalizer replaces, and by what.

The file holds base64 of: the size of a trie in bytes (32 bits), the trie, and the replacements, each ended by a zero
byte. The trie is a double array as the library Darts writes it: a state is a place in an array of 32-bit units, and the
next state for a byte is the place XOR the offset of the unit XOR the byte, if the unit there has that byte as label.
"""

import base64
import binascii
import functools
import struct
from collections.abc import Iterator

from litz.errors import FormatError

# Rules for longer texts are not looked for.
_LONGEST = 256


class Charsmap:
    """The map, read."""

    def __init__(self, encoded: str, *, path: str) -> None:
        try:
            data = base64.b64decode(encoded, validate=True)
            (size,) = struct.unpack_from("<I", data)
            self._units = struct.unpack_from(f"<{size // 4}I", data, 4)
            self._texts = data[4 + size // 4 * 4 :]
            self._texts.decode()
        except (binascii.Error, struct.error, UnicodeDecodeError) as error:
            raise FormatError(f"{path}: not a precompiled charsmap: {error}") from None
        if not self._units:
            raise FormatError(f"{path}: the charsmap has no trie")
        self.replacement = functools.lru_cache(maxsize=1 << 16)(self._replacement)

    def _replacement(self, text: str) -> str | None:
        """What replaces the text: the entry of its shortest beginning that has one, or None."""
        found = next(self._matches(text.encode()), None)
        return None if found is None else self._text(found[1])

    def longest(self, text: str) -> tuple[str, str] | None:
        """The longest beginning of the text that has an entry, and what replaces it."""
        data = text[:_LONGEST].encode()[:_LONGEST]
        found = max(self._matches(data), default=None)
        if found is None:
            return None
        try:
            return data[: found[0]].decode(), self._text(found[1])
        except UnicodeDecodeError:  # a rule for a part of a character is none
            return None

    def _matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """The beginnings of the data that have an entry: how many bytes, and where the replacement starts."""
        at = _offset(self._units[0])
        for size, byte in enumerate(data, 1):
            if byte == 0:
                return
            at ^= byte
            unit = self._unit(at)
            if unit & 0x800000FF != byte:  # a leaf has its highest bit set, and so is no label
                return
            at ^= _offset(unit)
            if unit >> 8 & 1:
                yield size, self._unit(at) & 0x7FFFFFFF

    def _text(self, start: int) -> str:
        return self._texts[start:].partition(b"\0")[0].decode(errors="replace")

    def _unit(self, at: int) -> int:
        if at >= len(self._units):
            raise FormatError(f"the charsmap points to unit {at} of {len(self._units)}")
        return int(self._units[at])


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 1 << 9) >> 6)
