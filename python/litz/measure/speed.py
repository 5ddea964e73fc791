"""How fast a loaded model reads prompts and decodes."""

import json
import random
import time
from typing import Any

from litz import _core


class Runner:
    """Runs the engine on token ids, greedily and to a fixed length; nothing but the engine is in its times."""

    def __init__(self, model: _core.Model) -> None:
        self._model = model

    def prefill(self, ids: list[int]) -> float:
        """Seconds from a prompt to its first token."""
        start = time.perf_counter()
        self._begin([ids], 1).cancel()
        return time.perf_counter() - start

    def decode(self, prompts: list[list[int]], new_tokens: int, *, most: int | None = None) -> float:
        """Seconds for `new_tokens` of each prompt, counted from when each has its first.

        `most`: how many tokens a row may have, where rows that are read first must not end before the last begins.
        """
        run = self._begin(prompts, new_tokens + 1 if most is None else most)
        left = new_tokens * len(prompts)
        start = time.perf_counter()
        while left > 0:  # a call returns after a tenth of a second, so that signals are seen
            left -= len(run.advance(-(-left // len(prompts))))
        spent = time.perf_counter() - start
        run.cancel()
        return spent

    def _begin(self, prompts: list[list[int]], new_tokens: int) -> Any:
        params = {"max_new_tokens": new_tokens, "do_sample": False, "eos_token_id": []}
        run = _core.Generation(self._model, prompts, json.dumps(params), None)
        waiting = set(range(len(prompts)))
        while waiting:
            waiting -= {row for row, _, _ in run.advance(1)}
        return run


def fresh(draw: random.Random, count: int, *, vocab: int) -> list[int]:
    """Token ids drawn evenly from the middle of a vocabulary, so that no prompt is that of another run."""
    low = min(100, vocab - 1)
    return [draw.randrange(low, max(low + 1, min(20_000, vocab))) for _ in range(count)]
