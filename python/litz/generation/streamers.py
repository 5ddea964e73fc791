"""Streamers: objects that receive the tokens of one sequence as they are generated (`put`), and its end (`end`)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, Never, Protocol

from litz.arguments import names_of, refuse_unknown
from litz.arguments.mistaken import described
from litz.errors import ArgumentError


class BaseStreamer(ABC):
    """What `generate(streamer=...)` calls: `put` with the prompt's ids, (1, time), then with each new id, (1,)."""

    @abstractmethod
    def put(self, value: Any) -> None:
        """Takes ids as a torch tensor, a numpy array or a list, as the input was."""

    @abstractmethod
    def end(self) -> None:
        """The end of the sequence."""


class Streams(Protocol):
    """The interface of a streamer; those of transformers have it, too."""

    def put(self, value: Any) -> None:
        """Takes ids."""

    def end(self) -> None:
        """The end of the sequence."""


class Decodes(Protocol):
    """The interface of a tokenizer for streamers."""

    @property
    def decode(self) -> Callable[..., Any]:
        """Takes ids and options, and returns their text."""


class _Decoding(Protocol):
    def push(self, token: int) -> str: ...
    def finish(self) -> str: ...


@dataclass(frozen=True)
class DecodeOptions:
    """How a streamer decodes: the options of `tokenizer.decode`."""

    skip_special_tokens: bool = False
    clean_up_tokenization_spaces: bool | None = None
    spaces_between_special_tokens: bool | None = None

    def given(self) -> dict[str, Any]:
        """The options that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}


class _Redecoding:
    """Text of a growing list of tokens, for tokenizers that can only decode all of it.

    With `whole_words` a word is buffered until the next one begins, which may still change it.
    """

    def __init__(self, tokenizer: Decodes, options: DecodeOptions, *, whole_words: bool = False) -> None:
        self._tokenizer = tokenizer
        self._options = options.given()
        self._whole_words = whole_words
        self._ids: list[int] = []
        self._sent = 0

    def push(self, token: int) -> str:
        """The text that the token completes; an incomplete character is buffered."""
        self._ids.append(token)
        text = str(self._tokenizer.decode(self._ids, **self._options))
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        return self._new(text[: text.rfind(" ") + 1] if self._whole_words else text)

    def finish(self) -> str:
        """The rest."""
        return self._new(str(self._tokenizer.decode(self._ids, **self._options)))

    def _new(self, text: str) -> str:
        new = text[self._sent :]
        self._sent = max(self._sent, len(text))
        return new


def _decoding(tokenizer: Decodes, options: DecodeOptions) -> _Decoding:
    cleans = getattr(tokenizer, "_cleans", None)
    if cleans is not None and cleans(options.clean_up_tokenization_spaces):
        return _Redecoding(tokenizer, options, whole_words=True)
    stream = getattr(getattr(tokenizer, "_core", None), "stream", None)
    if stream is None:
        return _Redecoding(tokenizer, options)
    opened: _Decoding = stream(options.skip_special_tokens)
    return opened


class TextStreamer(BaseStreamer):
    """Prints text to stdout as it is generated; characters are never cut. Subclasses override `on_finalized_text`.

    `skip_prompt` leaves out the prompt; the other options are those of `tokenizer.decode`.
    """

    def __init__(
        self,
        tokenizer: Decodes,
        skip_prompt: bool = False,
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None,
        **unknown: Never,
    ) -> None:
        refuse_unknown(unknown, of="TextStreamer", known=names_of(TextStreamer.__init__))
        if not hasattr(tokenizer, "decode"):
            raise ArgumentError(f"a streamer needs a tokenizer, found {described(tokenizer)}")
        self.tokenizer = tokenizer
        self.skip_prompt = skip_prompt
        self.skip_special_tokens = skip_special_tokens
        self._options = DecodeOptions(skip_special_tokens, clean_up_tokenization_spaces, spaces_between_special_tokens)
        self._decoding = _decoding(tokenizer, self._options)
        self._prompt_comes = True

    def put(self, value: Any) -> None:
        """Takes ids, and calls `on_finalized_text` with the text that they complete."""
        ids = value.tolist() if hasattr(value, "tolist") else list(value)
        if ids and isinstance(ids[0], list):
            if len(ids) > 1:
                raise ArgumentError(f"a text streamer follows one sequence, found {len(ids)}; use model.stream(...)")
            ids = ids[0]
        skipped = self._prompt_comes and self.skip_prompt
        self._prompt_comes = False
        if not skipped:
            self.on_finalized_text("".join(self._decoding.push(token) for token in ids))

    def end(self) -> None:
        """Flushes the rest, and is ready for another sequence."""
        rest = self._decoding.finish()
        self._decoding = _decoding(self.tokenizer, self._options)
        self._prompt_comes = True
        self.on_finalized_text(rest, stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Prints; a newline follows the end."""
        print(text, flush=True, end="\n" if stream_end else "")


class TextIteratorStreamer(TextStreamer):
    """An iterator over text that `generate` produces in another thread; an error there is raised here.

    `timeout`: seconds to wait for more text before `queue.Empty` is raised; None waits as long as it takes.
    """

    def __init__(
        self,
        tokenizer: Decodes,
        skip_prompt: bool = False,
        timeout: float | None = None,
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool | None = None,
        **unknown: Never,
    ) -> None:
        refuse_unknown(unknown, of="TextIteratorStreamer", known=names_of(TextIteratorStreamer.__init__))
        super().__init__(
            tokenizer, skip_prompt, skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            spaces_between_special_tokens=spaces_between_special_tokens,
        )  # fmt: skip
        self.timeout = timeout
        self.text_queue: Queue[str | BaseException | None] = Queue()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Queues the text, and the end after it."""
        self.text_queue.put(text)
        if stream_end:
            self.text_queue.put(None)

    def fail(self, error: BaseException) -> None:
        """Raises the error where the text is read."""
        self.text_queue.put(error)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            item = self.text_queue.get(timeout=self.timeout)
        except Empty:
            raise Empty(f"no text within {self.timeout} s; raise TextIteratorStreamer(timeout=...)") from None
        if isinstance(item, str):
            return item
        raise StopIteration if item is None else item
