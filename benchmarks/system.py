"""One system under test: loads a model, then answers questions that come as JSON lines.

    python system.py (litz | llama.cpp | transformers) MODEL THREADS [OPTIONS_JSON]

Run by the interpreter that has the system installed. Nothing here imports what another system needs.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

CONTEXT = 8192
SEQUENCES = 16


def common(kept: list[int], ids: list[int]) -> int:
    """How many of the first ids are kept already; the last one is always read anew."""
    same = 0
    for a, b in zip(kept, ids[:-1], strict=False):
        if a != b:
            break
        same += 1
    return same


class Litz:
    def __init__(self, path: str, threads: int, options: dict[str, Any]) -> None:
        import litz
        from litz import _core

        self.generation = _core.Generation
        self.model = litz.AutoModelForCausalLM.from_pretrained(path, threads=threads, **options)

    def prefill(self, ids: list[int]) -> float:
        """Seconds from the prompt to the first token."""
        start = time.perf_counter()
        self._begin([ids], 1)
        return time.perf_counter() - start

    def decode(self, prompts: list[list[int]], new_tokens: int) -> float:
        """Seconds for `new_tokens` of each prompt, after each has its first."""
        several = len(prompts) > 1  # rows that are read first are ahead: none may end before the last has begun
        run = self._begin(prompts, CONTEXT // 2 if several else new_tokens + 1)
        left = new_tokens * len(prompts)
        start = time.perf_counter()
        while left > 0:  # a call returns after a tenth of a second, so that signals are seen
            left -= len(run.advance(-(-left // len(prompts))))
        spent = time.perf_counter() - start
        run.cancel()
        return spent

    def _begin(self, prompts: list[list[int]], new_tokens: int) -> Any:
        params = {"max_new_tokens": new_tokens, "do_sample": False, "eos_token_id": []}
        run = self.generation(self.model._core, prompts, json.dumps(params), None)
        waiting = set(range(len(prompts)))
        while waiting:
            waiting -= {row for row, _, _ in run.advance(1)}
        return run


class LlamaCpp:
    def __init__(self, path: str, threads: int, options: dict[str, Any]) -> None:
        import llama_cpp
        import numpy as np

        self.library, self.np, self.threads = llama_cpp, np, threads
        self.flash = options.get("flash", False)
        silent = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(silent, None)
        self.silent = silent  # the library keeps the pointer
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.context, self.kept = self._context(CONTEXT, sequences=1), []
        self.many: Any = None

    def prefill(self, ids: list[int]) -> float:
        self._cut(0)
        start = time.perf_counter()
        self._read(ids)
        self._best(self.context, -1)
        return time.perf_counter() - start

    def decode(self, prompts: list[list[int]], new_tokens: int) -> float:
        if len(prompts) > 1:
            return self._decode_many(prompts, new_tokens)
        (ids,) = prompts
        self._cut(common(self.kept, ids))
        self._read(ids[len(self.kept) :])
        token = self._best(self.context, -1)
        start = time.perf_counter()
        for _ in range(new_tokens):
            self._read([token])
            token = self._best(self.context, -1)
        return time.perf_counter() - start

    def _context(self, length: int, *, sequences: int) -> Any:
        params = self.library.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = length, 512, 512, sequences
        params.n_threads = params.n_threads_batch = self.threads
        params.flash_attn_type = int(self.flash)
        return self.library.llama_init_from_model(self.model, params)

    def _cut(self, length: int) -> None:
        memory = self.library.llama_get_memory(self.context)
        self.library.llama_memory_seq_rm(memory, 0, length, -1)
        del self.kept[length:]

    def _read(self, ids: list[int]) -> None:
        for at in range(0, len(ids), 512):
            piece = ids[at : at + 512]
            array = (self.library.llama_token * len(piece))(*piece)
            self._run(self.context, self.library.llama_batch_get_one(array, len(piece)))
        self.kept += ids

    def _run(self, context: Any, batch: Any) -> None:
        if self.library.llama_decode(context, batch):
            raise RuntimeError("llama_decode failed")

    def _best(self, context: Any, place: int) -> int:
        logits = self.library.llama_get_logits_ith(context, place)
        return int(self.np.ctypeslib.as_array(logits, shape=(self.vocab,)).argmax())

    def _decode_many(self, prompts: list[list[int]], new_tokens: int) -> float:
        self.many = self.many or self._context(SEQUENCES * 512, sequences=SEQUENCES)
        self.library.llama_memory_clear(self.library.llama_get_memory(self.many), True)
        batch = self.library.llama_batch_init(512, 0, 1)
        tokens = []
        for sequence, ids in enumerate(prompts):
            self._fill(batch, [(token, at, sequence, at + 1 == len(ids)) for at, token in enumerate(ids)])
            self._run(self.many, batch)
            tokens.append(self._best(self.many, len(ids) - 1))
        start = time.perf_counter()
        for step in range(new_tokens):
            self._fill(batch, [(token, len(prompts[i]) + step, i, True) for i, token in enumerate(tokens)])
            self._run(self.many, batch)
            tokens = [self._best(self.many, place) for place in range(len(prompts))]
        spent = time.perf_counter() - start
        self.library.llama_batch_free(batch)
        return spent

    def _fill(self, batch: Any, rows: list[tuple[int, int, int, bool]]) -> None:
        batch.n_tokens = len(rows)
        for place, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[place], batch.pos[place], batch.logits[place] = token, position, int(wanted)
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, sequence


class Transformers:
    def __init__(self, path: str, threads: int, options: dict[str, Any]) -> None:
        import torch
        import transformers

        torch.set_num_threads(threads)
        self.torch, self.cache = torch, transformers.DynamicCache
        self.model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=options.get("dtype", "auto")).eval()
        self.kept: list[int] = []
        self.state = self.cache()

    def prefill(self, ids: list[int]) -> float:
        start = time.perf_counter()
        int(self._next([ids], self.cache())[0])
        return time.perf_counter() - start

    def decode(self, prompts: list[list[int]], new_tokens: int) -> float:
        state, rows = self.cache(), prompts
        if len(prompts) == 1:
            same = common(self.kept, prompts[0])
            if same:  # what is not kept is counted from the end, as a negative number
                self.state.crop(same - self.state.get_seq_length())
                state, rows = self.state, [prompts[0][same:]]
            self.kept, self.state = list(prompts[0]), state
        token = self._next(rows, state)
        start = time.perf_counter()
        for _ in range(new_tokens):
            token = self._next([[int(row)] for row in token], state)
        return time.perf_counter() - start

    def _next(self, rows: list[list[int]], state: Any) -> Any:
        with self.torch.inference_mode():
            ids = self.torch.tensor(rows)
            out = self.model(ids, past_key_values=state, use_cache=True, logits_to_keep=1)
            return out.logits[:, -1].argmax(-1)


SYSTEMS = {"litz": Litz, "llama.cpp": LlamaCpp, "transformers": Transformers}


def memory() -> dict[str, int]:
    """Peak and present resident bytes of this process."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {key: int(status[name].split()[0]) * 1024 for key, name in (("peak", "VmHWM"), ("resident", "VmRSS"))}


def main() -> None:
    name, path, threads, *options = sys.argv[1:]
    start = time.perf_counter()
    system = SYSTEMS[name](path, int(threads), json.loads(options[0]) if options else {})
    loaded = time.perf_counter() - start
    for line in sys.stdin:
        question = json.loads(line)
        method = getattr(system, question.pop("do"))
        answer = {"seconds": method(**question), "loaded": loaded, **memory()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
