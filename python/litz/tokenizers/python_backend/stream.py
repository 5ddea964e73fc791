"""Text from ids that come one by one. Put together it is what decoding all of them gives.

Only of a run of byte tokens that turns out not to be UTF-8, which is unreadable as a whole, the characters that were
complete have been shown.
"""

import codecs
from collections.abc import Callable
from itertools import groupby

from litz.tokenizers.python_backend.decoders import Decoder, Tokens, byte_of


class DecodeStream:
    """Decodes ids as they come, in the plainest way: all so far again, and of that what is new and certain.

    What a later token may change is held back: an incomplete character, a run of byte tokens that a later step looks
    at, the last of BPEDecoder's tokens, and all of the text where a step after tokens were joined looks at it as a
    whole.
    """

    def __init__(self, decoder: Decoder, spell: Callable[[int], str | None]) -> None:
        self._decoder = decoder
        self._spell = spell
        self._tokens: Tokens = []
        self._sent = 0

    def push(self, id: int) -> str:
        """The text that is certain with this id; it may be empty."""
        token = self._spell(id)
        if token is not None:
            self._tokens.append(token)
        return self._new(_certain(self._decoder, self._tokens))

    def finish(self) -> str:
        """What was held back. The stream is at its beginning again."""
        rest = self._new(_finished(self._decoder, self._tokens))
        self._tokens, self._sent = [], 0
        return rest

    def _new(self, text: str) -> str:
        new = text[self._sent :]
        self._sent += len(new)
        return new


def _finished(decoder: Decoder, tokens: Tokens) -> str:
    """The whole text, with what has been shown of unreadable runs."""
    if decoder.absent:
        return decoder.text(tokens)
    for place, step in enumerate(decoder.steps):
        tokens = _shown(tokens, ends=True) if _is_live(decoder, place) else step.apply(tokens, False)
    return "".join(tokens)


def _is_live(decoder: Decoder, place: int) -> bool:
    """Whether the step makes bytes text that goes on as it is, so that each character can be shown at once."""
    following = decoder.steps[place + 1 : place + 2]
    return decoder.steps[place].kind == "ByteFallback" and all(step.kind == "Fuse" for step in following)


def _shown(tokens: Tokens, *, ends: bool) -> Tokens:
    """Runs of byte tokens, character by character; with `ends` the last run gets no more bytes."""
    out: Tokens = []
    runs = [(is_byte, list(run)) for is_byte, run in groupby(tokens, lambda token: byte_of(token) is not None)]
    for place, (is_byte, run) in enumerate(runs):
        if not is_byte:
            out += run
            continue
        data = bytes(byte_of(token) or 0 for token in run)
        try:
            read, size = codecs.utf_8_decode(data, "strict", False)
            incomplete = len(data) - size
            more = place + 1 == len(runs) and not ends
            out += [read, "" if more else "\ufffd" * incomplete]
        except UnicodeDecodeError as error:
            out += [data[: error.start].decode(), "\ufffd" * (len(data) - error.start)]
    return out


def _certain(decoder: Decoder, tokens: Tokens) -> str:
    """The beginning of the text that stays whatever comes: each step passes on only the tokens that are settled."""
    if decoder.absent:
        return decoder.text(tokens)
    joined = False
    for place, step in enumerate(decoder.steps):
        if joined and not step.first_sight:
            return ""
        if not joined and _is_live(decoder, place):
            tokens = _shown(tokens, ends=False)
            continue
        if step.kind == "ByteFallback":
            tokens = _without_open_run(tokens)
        tokens = step.apply(tokens, step.kind == "ByteLevel")
        if step.kind == "BPEDecoder":
            tokens = tokens[:-1]
        if step.kind == "ByteLevel":
            tokens = [_complete_characters(tokens[0])]
        joined = joined or step.kind in ("Fuse", "ByteLevel")
    return "".join(tokens)


def _without_open_run(tokens: Tokens) -> Tokens:
    end = len(tokens)
    while end > 0 and byte_of(tokens[end - 1]) is not None:
        end -= 1
    return tokens[:end]


def _complete_characters(text: str) -> str:
    data = text.encode(errors="surrogateescape")
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data)
