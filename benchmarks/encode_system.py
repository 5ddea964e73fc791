"""One encoder under test: loads a model, then encodes texts each time a JSON line asks for it.

    python encode_system.py SYSTEM MODEL TEXTS THREADS

Run by the interpreter that has the system installed. TEXTS is a JSON list. Nothing here imports what another needs.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

_BATCH = 32
_LONGEST = 256


class Litz:
    def __init__(self, model: str, threads: int) -> None:
        import litz

        self.encoder = litz.SentenceEncoder(model, threads=threads, max_length=_LONGEST)

    def encode(self, texts: list[str]) -> Any:
        return self.encoder.encode(texts, batch_size=_BATCH, normalize=True, progress=False)


class SentenceTransformers:
    def __init__(self, model: str, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self.model = SentenceTransformer(model, device="cpu")

    def encode(self, texts: list[str]) -> Any:
        return self.model.encode(texts, batch_size=_BATCH, show_progress_bar=False)


class OnnxRuntime:
    """Batches of texts of about one length, padded to the longest, as sentence-transformers makes them."""

    def __init__(self, model: str, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(Path(model).with_name("tokenizer.json")))
        self.tokenizer.enable_truncation(_LONGEST)
        self.tokenizer.enable_padding()

    def encode(self, texts: list[str]) -> Any:
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        found: Any = np.empty((len(texts), 384), np.float32)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            encoded = self.tokenizer.encode_batch([texts[place] for place in places])
            ids, mask = (np.array([getattr(each, name) for each in encoded]) for name in ("ids", "attention_mask"))
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            (states,) = self.session.run(None, inputs)
            weights = mask[:, :, None].astype(np.float32)
            found[places] = (states * weights).sum(axis=1) / weights.sum(axis=1)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


class FastEmbed:
    def __init__(self, model: str, threads: int) -> None:
        from fastembed import TextEmbedding

        self.model = TextEmbedding(
            "sentence-transformers/all-MiniLM-L6-v2", threads=threads, specific_model_path=model, local_files_only=True
        )

    def encode(self, texts: list[str]) -> Any:
        return np.array(list(self.model.embed(texts, batch_size=_BATCH)), np.float32)


class LlamaCpp:
    """As many texts in a batch as 512 tokens hold, the model's context."""

    def __init__(self, model: str, threads: int) -> None:
        import llama_cpp

        self.library = llama_cpp
        self.silent = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.silent, None)
        self.model = llama_cpp.llama_model_load_from_file(model.encode(), llama_cpp.llama_model_default_params())
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = _BATCH * 64
        params.n_seq_max, params.kv_unified = _BATCH, True
        params.n_threads = params.n_threads_batch = threads
        params.embeddings, params.pooling_type = True, llama_cpp.LLAMA_POOLING_TYPE_MEAN
        self.tokens = params.n_batch
        self.context = llama_cpp.llama_init_from_model(self.model, params)

    def encode(self, texts: list[str]) -> Any:
        rows = [self._ids(text) for text in texts]
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
        found: Any = np.empty((len(rows), 384), np.float32)
        waiting: list[int] = []
        for place in [*order, None]:
            count = sum(len(rows[each]) for each in waiting) + (len(rows[place]) if place is not None else 0)
            if waiting and (place is None or count > self.tokens or len(waiting) == _BATCH):
                self._compute(waiting, rows, found)
                waiting = []
            if place is not None:
                waiting.append(place)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def _ids(self, text: str) -> list[int]:
        data, library = text.encode(), self.library
        ids = (library.llama_token * (len(data) + 16))()
        count = library.llama_tokenize(self.vocab, data, len(data), ids, len(ids), True, True)
        row = list(ids[:count])
        return row if count <= _LONGEST else [*row[: _LONGEST - 1], row[-1]]

    def _compute(self, places: list[int], rows: list[list[int]], found: Any) -> None:
        library = self.library
        batch = library.llama_batch_init(sum(len(rows[place]) for place in places), 0, 1)
        at = 0
        for number, place in enumerate(places):
            for position, token in enumerate(rows[place]):
                batch.token[at], batch.pos[at], batch.n_seq_id[at] = token, position, 1
                batch.seq_id[at][0], batch.logits[at] = number, True
                at += 1
        batch.n_tokens = at
        library.llama_memory_clear(library.llama_get_memory(self.context), True)
        if library.llama_encode(self.context, batch) != 0:
            raise RuntimeError("llama_encode failed")
        for number, place in enumerate(places):
            vector = library.llama_get_embeddings_seq(self.context, number)
            found[place] = np.ctypeslib.as_array(vector, (384,))
        library.llama_batch_free(batch)


SYSTEMS = {
    "litz": Litz, "sentence-transformers": SentenceTransformers, "onnxruntime": OnnxRuntime, "fastembed": FastEmbed,
    "llama.cpp": LlamaCpp,
}  # fmt: skip


def main() -> None:
    system, model, texts_path, threads = sys.argv[1:]
    texts = json.loads(Path(texts_path).read_text("utf-8"))
    loaded = SYSTEMS[system](model, int(threads))
    for line in sys.stdin:
        question = json.loads(line)
        start = time.perf_counter()
        vectors = loaded.encode(texts)
        seconds = time.perf_counter() - start
        if question.get("save"):
            np.save(question["save"], vectors)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peak": peak}), flush=True)


if __name__ == "__main__":
    main()
