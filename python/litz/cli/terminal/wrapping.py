"""Streaming word wrap at a window's width."""

import re

from litz.cli.terminal.columns import columns_of, width

_TAB = 8
_LEAST = 16  # columns that are left for an indented text
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\Z")
_FENCE = re.compile(r"(`{3,}|~{3,})")
# Scripts without spaces between words; a line may end between any two of their characters.
_UNSPACED = (
    (0x2E80, 0x303E), (0x3041, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F),
    (0xFF00, 0xFF60), (0x20000, 0x3FFFF),
)  # fmt: skip
_NEVER_FIRST = frozenset("、。，．：；！？）］｝〉》」』】〕〗’”…—·々ー～,.:;!?)]}%％℃°")
_NEVER_LAST = frozenset("（［｛〈《「『【〔〖‘“([{$￥＄#")


class Wrapper:
    """Takes text in pieces and returns what to write now; only the unfinished word is buffered.

    A word that would cross the edge goes to the next line, the spaces before it are dropped. Items of lists keep their
    indentation; in `aligned` text, what follows two spaces or more is a column of its own. Code (between fences, or
    indented by four columns) and tables stay as they are, and a word wider than the window is left for the terminal to
    break. The result does not depend on how the text was split into pieces.
    """

    def __init__(self, width: int, *, aligned: bool = False) -> None:
        self.column = 0
        self._aligned = aligned
        self._width = width
        self._fence = ""
        self._begin_line()

    @property
    def width(self) -> int:
        """The columns of the window; 0 means that nothing is wrapped."""
        return self._width

    @width.setter
    def width(self, width: int) -> None:
        if 0 < width < self.column:
            self.column = width  # whether the terminal cut the line or broke it: the next word begins a new one
        self._width = width

    def feed(self, text: str) -> str:
        """The text to write after this piece."""
        return "".join([self._take(character) for character in text])

    def end(self) -> str:
        """Flushes the buffered word. The line stays open: `column` is the position of the cursor."""
        return self._place()

    def _begin_line(self) -> None:
        self._line = ""  # as it came, as far as it says what kind of line this is
        self._spaces = ""
        self._word = ""
        self._last = " "
        self._indent = 0
        self._verbatim = bool(self._fence)
        self._too_wide = False

    def _take(self, character: str) -> str:
        if character == "\n":
            return self._end_line()
        if len(self._line) < 200:
            self._line += character
        if not self._width:
            return self._place() + self._write(character)
        if self._verbatim:
            return self._write(character)
        if character in " \t":
            written = self._place()
            self._spaces += character
        elif self._line.strip(" \t") == character and self._is_verbatim(character):
            self._verbatim = True
            return self._write(self._spaces + character)
        else:
            written = self._place() if _may_break(self._last, character) else ""
            self._word += character
            if self._too_wide or width(self._word) + self._indent > self._width:
                written += self._place()
                self._too_wide = True
        self._last = character
        return written

    def _is_verbatim(self, first: str) -> bool:
        """Whether the line that begins with this character is a table or indented code."""
        indented = _advanced(0, self._spaces, 0) >= 4 and not (first in "-*+•" or first.isdigit())
        return first == "|" or indented

    def _end_line(self) -> str:
        line = self._line.strip()
        marks = _FENCE.match(line)
        if self._fence:
            if marks and marks[1] == line and line.startswith(self._fence):
                self._fence = ""
        elif marks and marks[1][0] not in line[len(marks[1]) :]:
            self._fence = marks[1]
        written = self._place()
        self.column = 0
        self._begin_line()
        return written + "\n"

    def _place(self) -> str:
        """Writes the buffered word, on this line or on the next one."""
        spaces, word, going_on = self._spaces, self._word, self._too_wide
        self._too_wide = False
        if not word:
            return ""
        self._spaces = self._word = ""
        first = self.column == 0
        if going_on or self._end_of(spaces + word) <= self._width:
            start = self._end_of(spaces)
            if self._aligned and not first and len(spaces) > 1 and start + _LEAST <= self._width:
                self._indent = start
            written = self._write(spaces + word)
        elif self.column <= self._indent:
            return self._write(word)
        else:
            self.column = 0
            return "\n" + self._write(" " * self._indent + word)
        if first and _ITEM.match(word) and self.column + 1 <= self._width // 2:
            self._indent = self.column + 1
        return written

    def _end_of(self, text: str) -> int:
        return _advanced(self.column, text, 0)

    def _write(self, text: str) -> str:
        self.column = _advanced(self.column, text, self._width)
        return text


def wrapped(text: str, columns: int, *, aligned: bool = False) -> str:
    """A whole text, wrapped."""
    wrapper = Wrapper(columns, aligned=aligned)
    return wrapper.feed(text) + wrapper.end()


def _advanced(column: int, text: str, edge: int) -> int:
    """Where the cursor is after a text; at the edge, if there is one, the terminal goes on in the next line."""
    before = ""
    for character in text:
        taken = _TAB - column % _TAB if character == "\t" else columns_of(character, before)
        if edge and column + taken > edge:
            column = edge if character == "\t" else taken
        else:
            column += taken
        before = character
    return column


def _may_break(left: str, right: str) -> bool:
    """Whether a line may end between these two, which no space separates."""
    if right in _NEVER_FIRST or left in _NEVER_LAST or not columns_of(right, left):
        return False
    return _unspaced(left) or _unspaced(right)


def _unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x2E80 and any(low <= code <= high for low, high in _UNSPACED)
