"""Added tokens: texts that are tokens wherever they stand, found before the model sees anything.

The first match from the left counts, and of those that begin there the longest. Tokens that are not `normalized` are
looked for in the text as it came; the others, in their own normalized form, in what the normalizer made of the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litz.errors import FormatError
from litz.tokenizers.python_backend import unicode
from litz.tokenizers.python_backend.fields import Fields
from litz.tokenizers.python_backend.text import Span
from litz.tokenizers.python_backend.unicode import character_class


@dataclass(frozen=True)
class AddedToken:
    """A token and how it is looked for.

    `lstrip` and `rstrip` take the white space on that side along; `single_word` matches only where no word character
    touches; `special` tokens are control tokens, which decoding may skip.
    """

    id: int
    content: str
    special: bool
    lstrip: bool
    rstrip: bool
    single_word: bool
    normalized: bool

    @classmethod
    def of(cls, fields: Fields) -> "AddedToken":
        """A member of the file's `added_tokens`."""
        flags = ("special", "lstrip", "rstrip", "single_word", "normalized")
        return cls(fields.count("id"), fields.text("content"), **{flag: fields.flag(flag) for flag in flags})


class AddedTokens:
    """The added tokens of a tokenizer, by content and by id, with the matchers of both kinds."""

    def __init__(self, tokens: Sequence[AddedToken], vocab: Mapping[str, int], shape: Callable[[str], str]) -> None:
        self.by_content: dict[str, AddedToken] = {}
        for token in tokens:
            if token.content:
                self.by_content[token.content] = token
        self.by_id = {token.id: token for token in self.by_content.values()}
        _check(self.by_content.values(), vocab)
        shapes = {id: shape(token.content) if token.normalized else token.content for id, token in self.by_id.items()}
        self.shapes = {id: text or self.by_id[id].content for id, text in shapes.items()}
        self.raw = Finder((shapes[id], token) for id, token in self.by_id.items() if not token.normalized)
        self.late = Finder((shapes[id], token) for id, token in self.by_id.items() if token.normalized)

    @classmethod
    def of(cls, values: Any, vocab: Mapping[str, int], shape: Callable[[str], str]) -> "AddedTokens":
        """The `added_tokens` of a file; `shape` normalizes a text."""
        tokens = []
        for at, value in enumerate(values or []):
            fields = Fields(value, f"added_tokens[{at}]")
            tokens.append(AddedToken.of(fields))
            fields.done()
        return cls(tokens, vocab, shape)

    def decoded(self, id: int) -> tuple[str, bool] | None:
        """The text that an added token decodes to, and whether it is a special one; a normalized token is its shape."""
        if id not in self.by_id:
            return None
        text = self.shapes[id]
        return text, text in self.by_content and self.by_content[text].special


class Finder:
    """Looks for several texts at once; of two that are the same, the token with the lower id is meant."""

    def __init__(self, tokens: Iterable[tuple[str, AddedToken]]) -> None:
        self._by_first: dict[str, list[tuple[str, AddedToken]]] = {}
        for text, token in sorted(tokens, key=lambda item: (-len(item[0]), item[1].id)):
            if text:
                self._by_first.setdefault(text[0], []).append((text, token))

    def parts(self, text: str, trusted: Sequence[Span] | None) -> Iterator[tuple[AddedToken | None, Span]]:
        """The text cut at the tokens in it: each token or None, and its range.

        With `trusted` ranges, special tokens are found only inside one of them.
        """
        last = at = 0
        while at < len(text):
            token, start, end = self._at(text, at, trusted)
            at = end
            if token is None or (token.single_word and _touches_word(text, start, end)):
                continue
            if token.lstrip:
                start = max(_blank_before(text, start), last)
            if token.rstrip:
                end = _blank_after(text, end)
            if last < start:
                yield None, (last, start)
            yield token, (start, end)
            last = end
        if last < len(text):
            yield None, (last, len(text))

    def _at(self, text: str, at: int, trusted: Sequence[Span] | None) -> tuple[AddedToken | None, int, int]:
        """The longest token that begins here, with its range; or none, and the single character."""
        for content, token in self._by_first.get(text[at], ()):
            end = at + len(content)
            if text.startswith(content, at) and not (token.special and _distrusted(at, end, trusted)):
                return token, at, end
        return None, at, at + 1


def _distrusted(start: int, end: int, trusted: Sequence[Span] | None) -> bool:
    return trusted is not None and not any(first <= start and end <= last for first, last in trusted)


def _touches_word(text: str, start: int, end: int) -> bool:
    word = character_class(unicode.WORD)
    return (start > 0 and text[start - 1] in word) or (end < len(text) and text[end] in word)


def _blank_before(text: str, at: int) -> int:
    blank = character_class(unicode.WHITE_SPACE)
    while at > 0 and text[at - 1] in blank:
        at -= 1
    return at


def _blank_after(text: str, at: int) -> int:
    blank = character_class(unicode.WHITE_SPACE)
    while at < len(text) and text[at] in blank:
        at += 1
    return at


def _check(tokens: Any, vocab: Mapping[str, int]) -> None:
    """An added token has the id that the model's vocabulary gives it, or one of its own."""
    names = {id: token for token, id in vocab.items()}
    for token in tokens:
        found = vocab.get(token.content)
        if found is not None and found != token.id:
            raise FormatError(f"added_tokens: {token.content!r} (id {token.id}) has the id {found} in model.vocab")
        if found is None and token.id in names:
            raise FormatError(f"added_tokens: {token.content!r} has the id {token.id} of {names[token.id]!r}")
