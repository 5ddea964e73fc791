"""Decoders: tokens back to text. Each step is a function from a list of tokens to another; the last one's are joined.

Bytes that are no character yet are carried as lone surrogates, Python's `surrogateescape`, so that text and bytes pass
through the same steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from litz.tokenizers.python_backend import byte_alphabet
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.patterns import Pattern
from litz.tokenizers.python_backend.pre_tokenizers import prepend_scheme

Tokens = list[str]


@dataclass(frozen=True)
class Step:
    """One decoder. With `raw`, bytes that are not UTF-8 stay what they are, else they become U+FFFD.

    With `first_sight`, the output for the beginning of one long token does not depend on the rest.
    """

    kind: str
    apply: Callable[[Tokens, bool], Tokens]  # (tokens, raw)
    first_sight: bool


@dataclass(frozen=True)
class Decoder:
    """The decoder of a file."""

    steps: tuple[Step, ...]
    absent: bool

    @classmethod
    def of(cls, value: Any, path: str) -> "Decoder":
        """Reads the file's `decoder`; without one, tokens stand between spaces."""
        return cls((), absent=True) if value is None else cls(tuple(_steps(value, path)), absent=False)

    def text(self, tokens: Tokens, *, raw: bool = False) -> str:
        """The text that the tokens spell."""
        if self.absent:
            return " ".join(tokens)
        for step in self.steps:
            tokens = step.apply(tokens, raw)
        return "".join(tokens)


def _steps(value: Any, path: str) -> list[Step]:
    fields = Fields(value, path)
    if fields.kind == "Sequence":
        steps = [step for part, place in fields.parts("decoders") for step in _steps(part, place)]
    else:
        steps = [Step(fields.kind, _made(fields), first_sight=_first_sight(fields))]
    fields.done()
    return steps


def _first_sight(fields: Fields) -> bool:
    return fields.kind == "Fuse" or (fields.kind == "Strip" and fields.count("stop") == 0)


def _made(fields: Fields) -> Callable[[Tokens, bool], Tokens]:
    match fields.kind:
        case "ByteLevel":
            for key in ("add_prefix_space", "trim_offsets", "use_regex"):
                fields.get(key)
            return byte_level
        case "ByteFallback":
            return byte_fallback
        case "Fuse":
            return lambda tokens, raw: ["".join(tokens)]
        case "Metaspace":
            fields.get("split")
            fields.get("str_rep")
            return _on_tokens(
                partial(metaspace, mark=fields.character("replacement"), strips=prepend_scheme(fields) != "never")
            )
        case "WordPiece":
            return _on_tokens(partial(word_piece, prefix=fields.text("prefix"), cleans=fields.flag("cleanup")))
        case "BPEDecoder":
            return _on_tokens(partial(bpe, suffix=fields.text("suffix")))
        case "CTC":
            pad, delimiter = fields.text("pad_token"), fields.text("word_delimiter_token")
            return _on_tokens(partial(ctc, pad=pad, delimiter=delimiter, cleans=fields.flag("cleanup")))
        case "Strip":
            content, start, stop = fields.character("content"), fields.count("start"), fields.count("stop")
            return lambda tokens, raw: [strip(token, content, start=start, stop=stop) for token in tokens]
        case "Replace":
            pattern, content = Pattern.of(fields, "pattern"), fields.text("content")
            return lambda tokens, raw: [replace(token, pattern, content) for token in tokens]
    raise fields.unsupported("decoder")


def _on_tokens(step: Callable[[Tokens], Tokens]) -> Callable[[Tokens, bool], Tokens]:
    return lambda tokens, raw: step(tokens)


def byte_level(tokens: Tokens, raw: bool) -> Tokens:
    """Tokens are bytes in GPT-2's alphabet; together they are text."""
    data = b"".join(byte_alphabet.read(token) for token in tokens)
    return [data.decode(errors="surrogateescape" if raw else "replace")]


def byte_fallback(tokens: Tokens, raw: bool) -> Tokens:
    """Runs of `<0xE4>` are bytes: text if all of a run is UTF-8, else each of them is unreadable."""
    out: Tokens = []
    for is_byte, run in groupby(tokens, lambda token: byte_of(token) is not None):
        if not is_byte:
            out += run
            continue
        data = bytes(byte_of(token) or 0 for token in run)
        try:
            out.append(data.decode(errors="surrogateescape" if raw else "strict"))
        except UnicodeDecodeError:
            out += ["\ufffd"] * len(data)
    return out


def byte_of(token: str) -> int | None:
    """The byte that `<0xE4>` names."""
    if len(token.encode(errors="surrogateescape")) != 6 or not token.startswith("<0x") or not token.endswith(">"):
        return None
    digits = token[3:5]
    if digits[0] == "+":  # a sign is a digit to the reference
        digits = "0" + digits[1]
    return int(digits, 16) if all(char in "0123456789abcdefABCDEF" for char in digits) else None


def metaspace(tokens: Tokens, *, mark: str, strips: bool) -> Tokens:
    """Marks are spaces, save those of the first token if one was put there."""
    return [token.replace(mark, "" if strips and at == 0 else " ") for at, token in enumerate(tokens)]


def word_piece(tokens: Tokens, *, prefix: str, cleans: bool) -> Tokens:
    """A token that goes on with a word has a prefix; before any other comes a space."""
    spaced = [
        token if at == 0 else token[len(prefix) :] if token.startswith(prefix) else " " + token
        for at, token in enumerate(tokens)
    ]
    return [clean(token) for token in spaced] if cleans else spaced


def clean(text: str) -> str:
    """English without the spaces that word tokenizers put before punctuation and endings."""
    for sign in (".", "?", "!", ","):
        text = text.replace(" " + sign, sign)
    text = text.replace(" ' ", "'").replace(" n't", "n't").replace(" 'm", "'m").replace(" do not", " don't")
    return text.replace(" 's", "'s").replace(" 've", "'ve").replace(" 're", "'re")


def bpe(tokens: Tokens, *, suffix: str) -> Tokens:
    """A suffix ends a word: a space, but nothing after the last."""
    return [token.replace(suffix, " " if at < len(tokens) - 1 else "") for at, token in enumerate(tokens)]


def ctc(tokens: Tokens, *, pad: str, delimiter: str, cleans: bool) -> Tokens:
    """Speech: a token that repeats the one before is the same sound, and padding is between sounds."""
    out = [token.replace(pad, "") if pad else token for token, _ in groupby(tokens)]
    if cleans:
        out = [clean(token).replace(delimiter, " ") for token in out]
    return [token for token in out if token]


def strip(token: str, content: str, *, start: int, stop: int) -> str:
    """A token without up to so many of a character at its ends."""
    first = 0
    while first < min(start, len(token)) and token[first] == content:
        first += 1
    last = len(token)
    while len(token) - last < stop and last > first and token[last - 1] == content:
        last -= 1
    return token[first:last]


def replace(token: str, pattern: Pattern, content: str) -> str:
    """A token with every match replaced."""
    out, last = "", 0
    for start, end in pattern.matches(token):
        out += token[last:start] + content
        last = end
    return out + token[last:]
