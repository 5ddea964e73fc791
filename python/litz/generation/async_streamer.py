"""The streamer for `async for`, apart from the others: asyncio costs time to import."""

import asyncio
from collections.abc import AsyncIterator
from typing import Never

from litz.arguments import names_of, refuse_unknown
from litz.generation.streamers import Decodes, TextStreamer


class AsyncTextIteratorStreamer(TextStreamer):
    """The same for `async for`; make it inside a coroutine. A timeout raises TimeoutError."""

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
        refuse_unknown(unknown, of="AsyncTextIteratorStreamer", known=names_of(AsyncTextIteratorStreamer.__init__))
        super().__init__(
            tokenizer, skip_prompt, skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            spaces_between_special_tokens=spaces_between_special_tokens,
        )  # fmt: skip
        self.timeout = timeout
        self.text_queue: asyncio.Queue[str | BaseException | None] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Queues the text, and the end after it, in the coroutine's loop."""
        self._send(text)
        if stream_end:
            self._send(None)

    def fail(self, error: BaseException) -> None:
        """Raises the error where the text is read."""
        self._send(error)

    def _send(self, item: str | BaseException | None) -> None:
        self.loop.call_soon_threadsafe(self.text_queue.put_nowait, item)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        item = await asyncio.wait_for(self.text_queue.get(), self.timeout)
        if isinstance(item, str):
            return item
        raise StopAsyncIteration if item is None else item
