"""Normalizers: the text rewritten before anything else, so that what means the same becomes the same.

Each is a function from a text to a text. The replacement of a character has its origin, so that offsets stay valid.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from litz.tokenizers.python_backend import byte_alphabet, unicode
from litz.tokenizers.python_backend.charsmap import Charsmap
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.patterns import Pattern
from litz.tokenizers.python_backend.text import Text
from litz.tokenizers.python_backend.unicode import character_class

Normalizer = Callable[[Text], Text]

_BERT_BLANKS = "\t\n\r"
_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
               (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))  # fmt: skip
# The controls that NMT drops, and what it takes for a space.
_NMT_DROPPED = {*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F}
_NMT_SPACES = {0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD}


def normalizer(value: Any, path: str) -> Normalizer:
    """The normalizer of a file; without one, the text stays as it is."""
    if value is None:
        return lambda text: text
    fields = Fields(value, path)
    made = _made(fields)
    fields.done()
    return made


def _made(fields: Fields) -> Normalizer:
    simple: dict[str, Normalizer] = {
        "NFC": lambda text: normal_form(text, composed=True),
        "NFD": lambda text: normal_form(text, composed=False),
        "NFKC": lambda text: normal_form(text, composed=True, compatible=True),
        "NFKD": lambda text: normal_form(text, composed=False, compatible=True),
        "Lowercase": lowercase,
        "StripAccents": lambda text: without(text, unicode.MARK),
        "Nmt": nmt,
        "ByteLevel": lambda text: text.mapped([byte_alphabet.spell(char) for char in text.chars]),
    }
    if fields.kind in simple:
        return simple[fields.kind]
    match fields.kind:
        case "Sequence":
            return partial(_one_after_another, [normalizer(part, path) for part, path in fields.parts("normalizers")])
        case "Strip":
            return partial(strip, left=fields.flag("strip_left"), right=fields.flag("strip_right"))
        case "Replace":
            return partial(replace, Pattern.of(fields, "pattern"), fields.text("content"))
        case "Prepend":
            prefix = fields.text("prepend")
            return lambda text: text.prepended(prefix)
        case "Precompiled":
            charsmap = Charsmap(fields.text("precompiled_charsmap", ""), path=fields.path)
            return partial(by_longest_match if fields.flag("longest_match", False) else precompiled, charsmap)
        case "BertNormalizer":
            return _bert(fields)
    raise fields.unsupported("normalizer")


def _one_after_another(steps: list[Normalizer], text: Text) -> Text:
    for step in steps:
        text = step(text)
    return text


def normal_form(text: Text, *, composed: bool, compatible: bool = False) -> Text:
    """Unicode's normal forms: decomposed (D), composed again (C), and compatibility characters replaced (K)."""
    if text.chars.isascii():
        return text
    changes = _decomposed(text.chars, compatible=compatible)
    return text.changed(_composed(changes) if composed else (change for _, change in changes))


Change = tuple[str, int]  # see Text.changed


def _decomposed(chars: str, *, compatible: bool) -> Iterator[tuple[int, Change]]:
    """Every character in its parts, the marks after a letter in their canonical order; each with its class.

    The first part replaces the character, the others are inserted, and they keep this when they change places.
    """
    run: list[tuple[int, Change]] = []
    for char in chars:
        for at, part in enumerate(unicode.decomposed(char, compatible=compatible)):
            order = unicode.combining_class(part)
            if order == 0:
                yield from sorted(run, key=lambda entry: entry[0])
                run = []
            run.append((order, (part, min(at, 1))))
    yield from sorted(run, key=lambda entry: entry[0])


def _composed(parts: Iterator[tuple[int, Change]]) -> Iterator[Change]:
    """Letters joined with the marks after them, where there is a character for both.

    A mark is blocked from its letter by a mark between them that has the same order or a higher one.
    """
    letter: Change | None = None
    marks: list[Change] = []  # those that did not go into the letter
    last: int | None = None  # the order of the last of them
    for order, (char, change) in parts:
        if letter is None:
            if order:
                yield char, change
            else:
                letter = char, change
            continue
        blocked = last is not None and last >= order
        one = None if blocked else unicode.composed(letter[0], char)
        if one is not None:
            letter = one, letter[1] + change - 1
        elif order:
            marks.append((char, change))
            last = order
        else:
            yield letter
            yield from marks
            letter, marks, last = (char, change), [], None
    if letter is not None:
        yield letter
    yield from marks


def lowercase(text: Text) -> Text:
    """Every character in lower case."""
    return text.mapped([unicode.lower(char) for char in text.chars])


def without(text: Text, unwanted: str) -> Text:
    """The text without a class of characters."""
    members = character_class(unwanted)
    return text.filtered(char not in members for char in text.chars)


def strip(text: Text, *, left: bool, right: bool) -> Text:
    """The text without the white space at its ends."""
    blank = character_class(unicode.WHITE_SPACE)
    start, end = 0, len(text.chars)
    while left and start < end and text.chars[start] in blank:
        start += 1
    while right and end > start and text.chars[end - 1] in blank:
        end -= 1
    return text.filtered(start <= at < end for at in range(len(text.chars)))


def replace(pattern: Pattern, content: str, text: Text) -> Text:
    """Every match of a pattern replaced."""
    return text.replaced(pattern.matches(text.chars), content)


def nmt(text: Text) -> Text:
    """What Google's NMT models do: controls dropped, line breaks and invisible spaces made spaces."""
    text = text.filtered(ord(char) not in _NMT_DROPPED for char in text.chars)
    return text.mapped([" " if ord(char) in _NMT_SPACES else char for char in text.chars])


def precompiled(charsmap: Charsmap, text: Text) -> Text:
    """SentencePiece's own normalization, character by character as a reader sees them.

    The reference looks up a whole cluster if it has fewer than six bytes, and replaces all of it by the entry of its
    shortest beginning; else it looks up its characters. We follow it.
    """
    changes: list[Change] = []
    for cluster in unicode.graphemes(text.chars):
        whole = charsmap.replacement(cluster) if len(cluster.encode()) < 6 else None
        for part in [cluster] if whole is not None else cluster:
            new = charsmap.replacement(part) if whole is None else whole
            if new is None:
                changes.append((part, 0))
            else:
                _substitute(changes, part, new)
    return text.changed(changes)


def by_longest_match(charsmap: Charsmap, text: Text) -> Text:
    """The same as google/sentencepiece has it: at each place the longest sequence that has an entry."""
    changes: list[Change] = []
    at = 0
    while at < len(text.chars):
        found = charsmap.longest(text.chars[at:])
        if found is None:
            changes.append((text.chars[at], 0))
            at += 1
        else:
            _substitute(changes, *found)
            at += len(found[0])
    return text.changed(changes)


def _substitute(changes: list[Change], old: str, new: str) -> None:
    """Characters replace characters one by one; the last of more are inserted, the last of fewer drops the rest.

    Where nothing is left, it is the character before that drops them, whatever it was.
    """
    changes += [(char, 0) for char in new]
    more = len(new) - len(old)
    for at in range(len(changes) - more, len(changes)):
        changes[at] = (changes[at][0], 1)
    if more < 0 and changes:
        changes[-1] = (changes[-1][0], changes[-1][1] + more)


def _bert(fields: Fields) -> Normalizer:
    """BERT's cleaning: its four steps, each of which the file may leave out."""
    steps: list[Normalizer] = []
    lower = fields.flag("lowercase")
    if fields.flag("clean_text"):
        steps.append(clean)
    if fields.flag("handle_chinese_chars"):
        steps.append(spaced_ideographs)
    if fields.get("strip_accents", lower):
        steps.append(lambda text: without(normal_form(text, composed=False), unicode.NONSPACING_MARK))
    if lower:
        steps.append(lowercase)
    return partial(_one_after_another, steps)


def clean(text: Text) -> Text:
    """Controls dropped, all white space made spaces."""
    control, blank = character_class(unicode.CONTROL), character_class(unicode.WHITE_SPACE)
    text = text.filtered(
        char in _BERT_BLANKS or (char not in "\0\ufffd" and char not in control) for char in text.chars
    )
    return text.mapped([" " if char in blank else char for char in text.chars])


def spaced_ideographs(text: Text) -> Text:
    """A space on both sides of every ideograph, so that each is a word."""
    return text.mapped([f" {char} " if _is_ideograph(char) else char for char in text.chars])


def _is_ideograph(char: str) -> bool:
    return any(start <= ord(char) <= end for start, end in _IDEOGRAPHS)
