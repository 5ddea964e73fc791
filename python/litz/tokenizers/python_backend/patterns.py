r"""What Split and Replace look for: regexes in Oniguruma's syntax, rewritten for Python's `re`.

Files write `\p{L}+` and `(?i:'s|'t)`; `re` has neither properties nor Oniguruma's rules of case. So every class
becomes an explicit list of ranges: `\p{L}` is spelled out as `[A-Za-zªµº…]`, `\s` and `\w` and `\b` too. What is left
(alternatives, groups, look-around, repetition) means the same in both. Syntax: the file doc/RE of Oniguruma.
"""

import re
from collections.abc import Iterator
from typing import Any

from litz.errors import FormatError, UnsupportedError
from litz.tokenizers.python_backend import sets
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.text import Span
from litz.tokenizers.python_backend.unicode import WHITE_SPACE, Ranges, character_class

_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_SHORT = {"s": WHITE_SPACE, "d": r"\p{Nd}", "h": "[0-9A-Fa-f]"}
_ANCHORS = {"A": r"\A", "z": r"\Z", "Z": r"(?=\n?\Z)"}
_GROUPS = ("?:", "?=", "?!", "?<=", "?<!", "?>")


class Pattern:
    """A compiled pattern."""

    def __init__(self, source: str, *, literal: bool, path: str) -> None:
        try:
            self._regex = re.compile(re.escape(source) if literal else _Translation(source, path).whole())
        except (re.error, RecursionError, OverflowError) as error:
            raise UnsupportedError(f"{path}: cannot compile the regex {source!r:.120}: {error}") from None

    @classmethod
    def of(cls, fields: Fields, key: str) -> "Pattern":
        """The setting that is `{"String": text}` or `{"Regex": pattern}`."""
        path = f"{fields.path}.{key}"
        value: Any = fields.get(key)
        choice = Fields(value, path)
        literal = choice.get("String")
        source = literal if literal is not None else choice.text("Regex")
        choice.done()
        if not isinstance(source, str):
            raise FormatError(f"{path}: found {value!r:.60}, expected a text or a regex")
        return cls(source, literal=literal is not None, path=path)

    def matches(self, text: str) -> Iterator[Span]:
        """Every match, in order, without overlap; an empty one only where no other match has just ended.

        In an empty text nothing is found, not even what matches there: so it is in the reference.
        """
        if not text:
            return
        at, last = 0, -1
        while at <= len(text) and (found := self._regex.search(text, at)):
            start, end = found.span()
            if start == end == last:
                at = end + 1
            else:
                at = last = end
                yield start, end


class _Translation:
    """One pass over a regex, which writes it anew."""

    def __init__(self, source: str, path: str) -> None:
        self.source = source
        self.path = path
        self.at = 0
        self.any_case = False
        self.literals = ""  # the run of letters that `any_case` has just read

    def whole(self) -> str:
        out = self.alternatives()
        if self.at < len(self.source):
            raise self.unsupported("a parenthesis too many")
        return out

    def unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"{self.path}: {what} in the regex {self.source!r:.120} is not implemented by litz")

    def take(self, text: str) -> bool:
        """Whether this comes next; then it is read."""
        found = self.source.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def next(self) -> str:
        if self.at >= len(self.source):
            raise self.unsupported("an end too early")
        self.at += 1
        return self.source[self.at - 1]

    def alternatives(self) -> str:
        """Up to the end or to the parenthesis that closes the group."""
        out, outside = "", self.any_case
        while self.at < len(self.source) and self.source[self.at] != ")":
            out += "|" if self.take("|") else self.repeated(self.item())
        self.any_case = outside
        return out

    def item(self) -> str:
        self.literals = "" if self.source[self.at] in "|()[{\\.^$" else self.literals
        char = self.next()
        if char == "(":
            return self.group()
        if char == "[":
            return sets.written(self.bracket())
        if char == "\\":
            return self.escape()
        if char == ".":
            return r"[^\n]"
        if char == "^":
            return r"(?:(?<=\n)(?!\Z)|\A)"
        if char == "$":
            return r"(?=\n|\Z)"
        return self.letter(char)

    def letter(self, char: str) -> str:
        if not self.any_case:
            return re.escape(char)
        self.literals += char.casefold()
        if any(fold in self.literals for fold in sets.long_folds()):
            raise self.unsupported("letters that are one letter in another case")
        return sets.written(sets.any_case([(ord(char), ord(char))]))

    def group(self) -> str:
        """What follows an opening parenthesis, up to its end."""
        outside = self.any_case
        flag = re.compile(r"\?(-?)i([:)])").match(self.source, self.at)
        if flag:
            self.at = flag.end()
            self.any_case = not flag[1]
            start = "(?:"
        else:
            start = "(" + next((start for start in _GROUPS if self.take(start)), "")
            if start == "(" and self.source.startswith(("?", "*"), self.at):
                raise self.unsupported("a kind of group")
        out = f"{start}{self.alternatives()})"
        if flag and flag[2] == ")":  # (?i) lasts to the end of the group around it
            return out
        self.any_case = outside
        if not self.take(")"):
            raise self.unsupported("a group without an end")
        return out

    def repeated(self, item: str) -> str:
        """The item with its quantifiers; one after another means the whole repeated again, save for ? and +."""
        while self.at < len(self.source) and (times := self.quantifier()):
            kind = ""
            if times[0] in "*+?":
                kind = "?" if self.take("?") else "+" if self.take("+") else ""
            elif "," in times and self.take("?"):
                kind = "?"
            item = f"(?:{item}{times}{kind})"
        return item

    def quantifier(self) -> str:
        if self.source[self.at] in "*+?":
            return self.next()
        found = re.compile(r"\{(\d*)(,?)(\d*)\}").match(self.source, self.at)
        if found is None or not (found[1] or found[3]):
            return ""
        self.at = found.end()
        return f"{{{found[1] or 0}{found[2]}{found[3]}}}"

    def escape(self) -> str:
        char = self.next()
        if char in _ANCHORS:
            return _ANCHORS[char]
        if char in "bB":
            word = sets.written(sets.word())
            edge = f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"
            return edge if char == "b" else f"(?!{edge})"
        if char == "R":
            return r"(?>\r\n|[\n-\r\x85\u2028\u2029])"
        if char.isdigit() and char != "0":
            return f"(?:\\{char})"
        self.at -= 1
        ranges = self.escaped_set(bracketed=False)
        single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
        return self.letter(chr(ranges[0][0])) if single else sets.written(self.folded(ranges))

    def folded(self, ranges: Ranges) -> Ranges:
        return sets.any_case(ranges) if self.any_case else ranges

    def escaped_set(self, *, bracketed: bool) -> Ranges:
        r"""What follows a backslash, inside brackets or outside: `\p{L}`, `\s`, `\x41`, `\n`, `\.`."""
        char = self.next()
        if char in "pP":
            name = re.compile(r"\{(\^?)([A-Za-z0-9_ =]+)\}").match(self.source, self.at)
            if name is None:
                raise self.unsupported("a property")
            self.at = name.end()
            ranges = sets.named(name[2], self.path, bracketed=bracketed)
            return sets.complement(ranges) if (char == "P") != bool(name[1]) else ranges
        if char in "wW" or char.lower() in _SHORT:
            ranges = sets.word(bracketed=bracketed) if char in "wW" else character_class(_SHORT[char.lower()]).ranges
            return sets.complement(ranges) if char.isupper() else ranges
        if char in _CONTROLS:
            return [(ord(_CONTROLS[char]), ord(_CONTROLS[char]))]
        if char in "xu0":
            return self.code_point(char)
        if char.isascii() and char.isalnum():
            raise self.unsupported(f"\\{char}")
        return [(ord(char), ord(char))]

    def code_point(self, kind: str) -> Ranges:
        forms = {"x": r"\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{1,2})", "u": "([0-9A-Fa-f]{4})", "0": "([0-7]{0,2})"}
        found = re.compile(forms[kind]).match(self.source, self.at)
        if found is None:
            raise self.unsupported(f"\\{kind}")
        self.at = found.end()
        digits = next((group for group in found.groups() if group is not None), "")
        code = int(digits or "0", 8 if kind == "0" else 16)
        if code > sets.LAST:
            raise self.unsupported("a code point beyond Unicode")
        return [(code, code)]

    def bracket(self) -> Ranges:
        """The set between brackets: members, ranges, other brackets, and `&&` between sets of which all must hold."""
        negated = self.take("^")
        every: Ranges | None = None
        members: Ranges = []
        first = True
        while first or not self.take("]"):
            first = False
            if self.take("&&"):
                every = members if every is None else sets.both(every, members)
                members = []
            else:
                members = members + self.member()
        ranges = members if every is None else sets.both(every, members)
        ranges = self.folded(ranges)
        return sets.complement(ranges) if negated else sets.normal(ranges)

    def member(self) -> Ranges:
        posix = re.compile(r"\[:(\^?)([a-z]+):\]").match(self.source, self.at)
        if posix:
            self.at = posix.end()
            ranges = sets.posix(posix[2], self.path)
            return sets.complement(ranges) if posix[1] else ranges
        if self.take("["):
            return self.bracket()
        low = self.escaped_set(bracketed=True) if self.take("\\") else [(ord(self.next()),) * 2]
        ends = self.source[self.at + 1 : self.at + 2]
        if len(low) > 1 or low[0][0] != low[0][1] or not self.source.startswith("-", self.at) or ends in ("]", ""):
            return low
        self.at += 1
        high = self.escaped_set(bracketed=True) if self.take("\\") else [(ord(self.next()),) * 2]
        if len(high) > 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            raise self.unsupported("a range of characters")
        return [(low[0][0], high[0][0])]
