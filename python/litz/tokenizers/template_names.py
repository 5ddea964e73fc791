"""Which variables a chat template reads from outside, for errors: not those that it sets itself."""

import re
from collections.abc import Iterable

# What every template has by itself.
_BUILT_IN = frozenset(
    """range dict namespace cycler joiner lipsum raise_exception strftime_now loop self caller varargs kwargs
    true false none""".split()
)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_TAG = re.compile(r"\{[%{].*?[%}]\}", re.DOTALL)
_TEXT = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
# Where a tag gives names a value: everything of the match but keywords is a name.
_BINDS = re.compile(
    r"\{%[-+]?\s*(?:set\s+([^=%]+?)\s*(?:=|[-+]?%\})|for\s+(.+?)\s+in\b|macro\s+(.+?\))|call\s*(\(.*?\)))", re.DOTALL
)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def read_from_outside(source: str, names: Iterable[str]) -> list[str]:
    """Those of the `names` in a template that mean something before it gives them a value, sorted."""
    code = _COMMENT.sub(lambda match: " " * len(match[0]), source)
    code = _TAG.sub(lambda match: _TEXT.sub(lambda text: " " * len(text[0]), match[0]), code)
    bound: dict[str, tuple[int, int]] = {}
    for match in _BINDS.finditer(code):
        for name in _NAME.findall(next(group for group in match.groups() if group)):
            bound.setdefault(name, match.span())
    return [name for name in sorted(set(names)) if name not in _BUILT_IN and _is_read_before(name, code, bound)]


def _is_read_before(name: str, code: str, bound: dict[str, tuple[int, int]]) -> bool:
    if name not in bound:
        return True
    start, end = bound[name]
    word = re.compile(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=[^=])")
    if any(word.search(tag[0]) for tag in _TAG.finditer(code, 0, start)):
        return True
    # `set x = x or 1` reads before it sets
    tag_end = code.find("%}", end)
    return code[start:end].rstrip().endswith("=") and word.search(code, end, tag_end) is not None
