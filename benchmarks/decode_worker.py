"""One system under test of `decode.py`: reads questions as JSON lines, answers with seconds.

Run by the interpreter that has the system installed. `prefill` and `decode` take ids that never repeat between calls.
"""

import json
import resource
import sys
import time
from typing import Any


class Litz:
    def __init__(self, path: str, threads: int) -> None:
        import litz

        self.model = litz.AutoModelForCausalLM.from_pretrained(path, threads=threads)

    def run(self, ids: list[int], new_tokens: int) -> tuple[float, float]:
        """Seconds to the first token, and from there to the last."""
        from litz import _core

        params = {"max_new_tokens": new_tokens + 1, "do_sample": False, "eos_token_id": []}
        start = time.perf_counter()
        generation = _core.Generation(self.model._core, [ids], json.dumps(params), None)
        generation.advance(1)
        first = time.perf_counter()
        left = new_tokens
        while left:  # a call returns after a tenth of a second, so that signals are seen
            left -= len(generation.advance(left))
        return first - start, time.perf_counter() - first


class LlamaCpp:
    def __init__(self, path: str, threads: int) -> None:
        import llama_cpp

        self.library = llama_cpp
        self.model = llama_cpp.Llama(
            path, n_ctx=8192, n_threads=threads, n_threads_batch=threads, n_batch=512, verbose=False
        )
        self.context = self.model._ctx.ctx
        self.vocab = self.model.n_vocab()

    def run(self, ids: list[int], new_tokens: int) -> tuple[float, float]:
        import numpy as np

        self.model.reset()
        self.library.llama_memory_clear(self.library.llama_get_memory(self.context), True)
        start = time.perf_counter()
        self._decode(ids)
        token = self._best(np)
        first = time.perf_counter()
        for _ in range(new_tokens):
            self._decode([token])
            token = self._best(np)
        return first - start, time.perf_counter() - first

    def _decode(self, ids: list[int]) -> None:
        for at in range(0, len(ids), 512):
            piece = ids[at : at + 512]
            array = (self.library.llama_token * len(piece))(*piece)
            if self.library.llama_decode(self.context, self.library.llama_batch_get_one(array, len(piece))):
                raise RuntimeError("llama_decode failed")

    def _best(self, np: Any) -> int:
        logits = self.library.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self.vocab,)).argmax())


def main() -> None:
    system, path, threads = sys.argv[1:]
    start = time.perf_counter()
    running = {"litz": Litz, "llama.cpp": LlamaCpp}[system](path, int(threads))
    loaded = time.perf_counter() - start
    for line in sys.stdin:
        question = json.loads(line)
        prefill, decode = running.run(question["ids"], question["new_tokens"])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"prefill": prefill, "decode": decode, "peak": peak, "loaded": loaded}), flush=True)


if __name__ == "__main__":
    main()
