"""Pre-tokenizers: the text cut into pieces that no token crosses.

Each is a function from a piece to pieces, and a sequence of them cuts finer and finer.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from litz.errors import FormatError
from litz.tokenizers.python_backend import byte_alphabet, unicode
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.patterns import Pattern
from litz.tokenizers.python_backend.pieces import BEHAVIORS, parts, single, split
from litz.tokenizers.python_backend.scripts import script
from litz.tokenizers.python_backend.text import Text
from litz.tokenizers.python_backend.unicode import character_class

PreTokenizer = Callable[[Text], list[Text]]

# How GPT-2 cuts: contractions, words, numbers, signs, and blanks, of which the last goes with the word after it.
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def pre_tokenizer(value: Any, path: str) -> PreTokenizer:
    """The pre-tokenizer of a file; without one, the text is one piece."""
    if value is None:
        return lambda text: [text]
    fields = Fields(value, path)
    made = _made(fields)
    fields.done()
    return made


def _made(fields: Fields) -> PreTokenizer:
    match fields.kind:
        case "Sequence":
            steps = [pre_tokenizer(part, path) for part, path in fields.parts("pretokenizers")]
            return partial(_finer_and_finer, steps)
        case "ByteLevel":
            return _byte_level(fields)
        case "Metaspace":
            return _metaspace(fields)
        case "Split":
            behavior = fields.choice("behavior", None, BEHAVIORS)
            pattern, invert = Pattern.of(fields, "pattern"), fields.flag("invert")
            return lambda text: split(text, parts(text.chars, pattern.matches(text.chars), invert=invert), behavior)
        case "Whitespace":
            return whitespace
        case "WhitespaceSplit":
            return whitespace_split
        case "BertPreTokenizer":
            return partial(_finer_and_finer, [whitespace_split, partial(punctuation, behavior="Isolated")])
        case "Punctuation":
            return partial(punctuation, behavior=fields.choice("behavior", "Isolated", BEHAVIORS))
        case "Digits":
            alone = fields.flag("individual_digits")
            return partial(by_class, wanted=unicode.NUMERIC, behavior="Isolated" if alone else "Contiguous")
        case "CharDelimiterSplit":
            delimiter = fields.character("delimiter")
            return lambda text: split(text, parts(text.chars, single(text.chars, delimiter)), "Removed")
        case "UnicodeScripts":
            return unicode_scripts
        case "FixedLength":
            return _fixed_length(fields)
    raise fields.unsupported("pre-tokenizer")


def _finer_and_finer(steps: list[PreTokenizer], text: Text) -> list[Text]:
    pieces = [text]
    for step in steps:
        pieces = [part for piece in pieces for part in step(piece) if part.chars]
    return pieces


def by_class(text: Text, *, wanted: str, behavior: str) -> list[Text]:
    """The text cut at a class of characters."""
    return split(text, parts(text.chars, single(text.chars, character_class(wanted))), behavior)


def whitespace_split(text: Text) -> list[Text]:
    """What stands between white space."""
    return by_class(text, wanted=unicode.WHITE_SPACE, behavior="Removed")


def punctuation(text: Text, *, behavior: str) -> list[Text]:
    """The text cut at punctuation."""
    return by_class(text, wanted=unicode.PUNCTUATION, behavior=behavior)


def whitespace(text: Text) -> list[Text]:
    """Runs of word characters, and runs of what is neither word nor white space."""
    word, blank = character_class(unicode.WORD), character_class(unicode.WHITE_SPACE)
    kinds = ["word" if char in word else "blank" if char in blank else "sign" for char in text.chars]
    edges = [at for at in range(1, len(kinds)) if kinds[at] != kinds[at - 1]]
    runs = zip([0, *edges], [*edges, len(kinds)], strict=True)
    return [text.cut(start, end) for start, end in runs if kinds[start] != "blank"]


def unicode_scripts(text: Text) -> list[Text]:
    """The text cut where its script changes; kana go with Han, and what has no script with what is before it.

    What has no script and nothing before it is lost, as in the reference.
    """
    edges: list[int] = []
    last = None
    for at, char in enumerate(text.chars):
        now = "Any" if char == " " else "Han" if char == "ー" else script(char)
        now = "Han" if now in ("Hiragana", "Katakana") else now
        if now != "Any":
            if now != last:
                edges.append(at)
            last = now
    return [text.cut(start, end) for start, end in zip(edges, [*edges[1:], len(text.chars)], strict=False)]


def _byte_level(fields: Fields) -> PreTokenizer:
    prefixed, cutting = fields.flag("add_prefix_space"), fields.flag("use_regex", True)
    fields.flag("trim_offsets")  # for the post-processor
    pattern = Pattern(_GPT2, literal=False, path=fields.path)

    def byte_level(text: Text) -> list[Text]:
        if prefixed and not text.chars.startswith(" "):
            text = text.prepended(" ")
        pieces = split(text, parts(text.chars, pattern.matches(text.chars)), "Isolated") if cutting else [text]
        return [piece.mapped([byte_alphabet.spell(char) for char in piece.chars]) for piece in pieces]

    return byte_level


def prepend_scheme(fields: Fields) -> str:
    """When Metaspace puts its mark at the beginning; `add_prefix_space` in older files."""
    scheme = fields.choice("prepend_scheme", "always", ("first", "never", "always"))
    if fields.get("add_prefix_space") is False and scheme != "never":
        raise FormatError(f"{fields.path}: add_prefix_space is false, but prepend_scheme is {scheme!r}")
    return scheme


def _metaspace(fields: Fields) -> PreTokenizer:
    mark, scheme, cutting = fields.character("replacement"), prepend_scheme(fields), fields.flag("split", True)
    fields.get("str_rep")  # says the mark again

    def metaspace(text: Text) -> list[Text]:
        text = text.mapped([mark if char == " " else char for char in text.chars])
        wanted = scheme == "always" or (scheme == "first" and text.start == 0)
        if wanted and not text.chars.startswith(mark):
            text = text.prepended(mark)
        return split(text, parts(text.chars, single(text.chars, mark)), "MergedWithNext") if cutting else [text]

    return metaspace


def _fixed_length(fields: Fields) -> PreTokenizer:
    length = fields.count("length", 5)
    if length == 0:
        raise FormatError(f"{fields.path}.length: found 0, expected at least 1")
    return lambda text: [text.cut(start, start + length) for start in range(0, len(text.chars), length)]
