"""Which variables a chat template reads from outside, for errors: not those that it sets itself."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

# The globals of every template.
_BUILT_IN = frozenset(
    """range dict namespace cycler joiner lipsum raise_exception strftime_now loop self caller varargs kwargs""".split()
)
# What every template is given: setting one of them in a branch does not make it the template's own.
_GIVEN = frozenset("messages tools documents add_generation_prompt".split())
_OPEN = re.compile(r"\{[{%#]")
_TEXT = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_BODY = rf"(?:{_TEXT.pattern}|[^'\"])*?"
_TAG = re.compile(
    rf"\{{#.*?#\}}|\{{%[-+]?(?P<statement>{_BODY})[-+]?%\}}|\{{\{{[-+]?(?P<shown>{_BODY})[-+]?\}}\}}", re.DOTALL
)
_RAW_ENDS = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_MACRO = re.compile(r"\{%[-+]?\s*macro\s+(\w+)")
# A name that is read: no attribute, no filter, no keyword of a call.
_READ = re.compile(r"(?<![\w.|])(?<!\|\s)[A-Za-z_]\w*(?!\w|\s*=(?!=))")
_SET = re.compile(r"set\s+(?P<names>[^=|]*?)(?:\s*(?:=(?!=)|\|)(?P<value>.*))?$", re.DOTALL)
_FOR = re.compile(r"for\s+(?P<names>.+?)\s+in\b(?P<value>.*?)(?P<rest>\bif\b.*|\brecursive\s*)?$", re.DOTALL)
_BLOCK = re.compile(r"(?:macro\s+\w+\s*|call\s*)\((?P<names>.*?)\)(?P<value>.*)$|with\b(?P<given>.*)$", re.DOTALL)
_TARGET = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|\s*\.)")
_ENDS = ("endfor", "endmacro", "endcall", "endwith")


def read_from_outside(source: str, names: Iterable[str]) -> list[str]:
    """Those of the `names` in a template that are read where it has not given them a value, sorted."""
    reader = _Reader(frozenset(names) - _BUILT_IN - set(_MACRO.findall(source)))
    for tag in _tags(source):
        if tag["shown"] is not None:
            reader.read(_plain(tag["shown"]))
        elif tag["statement"] is not None:
            reader.statement(_plain(tag["statement"]))
    return sorted(reader.outside)


def _tags(source: str) -> Iterator[re.Match[str]]:
    """The tags of a template, in linear time."""
    place = 0
    while opened := _OPEN.search(source, place):
        tag = _TAG.match(source, opened.start())
        if tag is None:
            return
        yield tag
        place = tag.end()
        if tag["statement"] is not None and tag["statement"].strip() == "raw":
            ends = _RAW_ENDS.search(source, place)
            place = len(source) if ends is None else ends.end()


def _plain(code: str) -> str:
    """The code of a tag on one line, its texts empty."""
    return " ".join(_TEXT.sub("''", code).split())


class _Reader:
    """Reads a template from its beginning, tracking which names have a value where."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.outside: set[str] = set()
        self._scopes: list[set[str]] = [set()]
        self._bound: Counter[str] = Counter()  # in how many scopes a name has a value

    def read(self, text: str) -> None:
        """Notes the names in an expression that have no value here."""
        self.outside |= {name for name in _READ.findall(text) if name in self.names and not self._bound[name]}

    def _bind(self, names: Iterable[str]) -> None:
        new = set(names) - self._scopes[-1]
        self._scopes[-1] |= new
        self._bound.update(new)

    def _begin(self, names: Iterable[str]) -> None:
        self._scopes.append(set())
        self._bind(names)

    def statement(self, text: str) -> None:
        """One statement, its texts left out."""
        if text.startswith(_ENDS):
            if len(self._scopes) > 1:
                self._bound.subtract(self._scopes.pop())
        elif match := _SET.match(text):
            self.read(match["value"] or "")
            self._bind(set(_TARGET.findall(match["names"])) - _GIVEN)
            self.read(" ".join(re.findall(r"(\w+)\s*\.", match["names"])))  # an attribute is set on what is there
        elif match := _FOR.match(text):
            self.read(match["value"])
            self._begin(_TARGET.findall(match["names"]))
            self.read(match["rest"] or "")
        elif match := _BLOCK.match(text):
            self.read(match["value"] or "")
            self.read(re.sub(r"\w+\s*=(?!=)", " ", match["given"] or ""))
            self._begin(_TARGET.findall(match["names"] or ""))
            self._bind(re.findall(r"(\w+)\s*=(?!=)", match["given"] or ""))
        else:
            self.read(text.partition(" ")[2])
