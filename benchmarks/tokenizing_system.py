"""One tokenizer under test: loads a tokenizer.json, then answers questions that come as JSON lines.

    python tokenizing_system.py SYSTEM TOKENIZER_JSON

Nothing here imports what another system needs. Texts come as the name of a JSON file with a list of them.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

Texts = list[str]


class System:
    """Each method encodes all texts in one of the forms that the system has; a form without a method is not offered."""

    def rows(self, result: Any) -> Sequence[Sequence[int]]:
        """The ids of each text."""
        return [[int(id) for id in row] for row in result]


class Litz(System):
    def __init__(self, path: str) -> None:
        import litz.tokenizers.tokenizer  # noqa: F401 - what a program has imported before it loads a tokenizer
        from litz import _core

        self.core = _core.Tokenizer.from_json(Path(path).read_bytes())
        self.path = path

    def flat(self, texts: Texts) -> Any:
        return self.core.encode_flat(texts, False)

    def lists(self, texts: Texts) -> Any:
        return self.core.encode_batch(texts, False)

    def padded(self, texts: Texts) -> Any:
        return self.core.encode_padded(texts, False)

    def offsets(self, texts: Texts) -> Any:
        return [row.offsets for row in self.core.encode_full_batch(texts, add_special_tokens=False)]

    def one(self, text: str) -> Any:
        return self.core.encode(text, False)

    def rows(self, result: Any) -> Sequence[Sequence[int]]:
        if not isinstance(result, tuple):
            return super().rows(result)
        ids, ends = memoryview(result[0]).cast("I"), memoryview(result[1]).cast("q")
        return [list(ids[a:b]) for a, b in pairwise(ends)]


class Gigatoken(System):
    def __init__(self, path: str) -> None:
        import awkward  # noqa: F401 - what its results are made of, imported on first use
        import gigatoken

        self.core = gigatoken.Tokenizer(path)

    def flat(self, texts: Texts) -> Any:
        return self.core.encode_batch(texts)

    def lists(self, texts: Texts) -> Any:
        return self.core.encode_batch_list(texts)

    def padded(self, texts: Texts) -> Any:
        return self.core.encode_batch_padded(texts, 0)

    def one(self, text: str) -> Any:
        return self.core.encode(text)


class Tokenizers(System):
    def __init__(self, path: str) -> None:
        import tokenizers

        self.core = tokenizers.Tokenizer.from_file(path)

    def lists(self, texts: Texts) -> Any:
        return [row.ids for row in self.core.encode_batch_fast(texts, add_special_tokens=False)]

    def offsets(self, texts: Texts) -> Any:
        return [row.offsets for row in self.core.encode_batch(texts, add_special_tokens=False)]

    def one(self, text: str) -> Any:
        return self.core.encode(text, add_special_tokens=False).ids


class Transformers(System):
    def __init__(self, path: str) -> None:
        import transformers

        self.core = transformers.PreTrainedTokenizerFast(tokenizer_file=path, pad_token="<pad>")

    def lists(self, texts: Texts) -> Any:
        return self.core(texts, add_special_tokens=False)["input_ids"]

    def padded(self, texts: Texts) -> Any:
        return self.core(texts, add_special_tokens=False, padding=True, return_tensors="np")

    def offsets(self, texts: Texts) -> Any:
        return self.core(texts, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]

    def one(self, text: str) -> Any:
        return self.core(text, add_special_tokens=False)["input_ids"]


class Tiktoken(System):
    def __init__(self, path: str) -> None:
        import tiktoken

        file = json.loads(Path(path).read_text())
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        to_byte = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
        spelt = {token: id for token, id in file["model"]["vocab"].items() if all(c in to_byte for c in token)}
        ranks = {bytes(to_byte[c] for c in token): id for token, id in spelt.items()}
        pattern = file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
        self.core = tiktoken.Encoding("file", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    def flat(self, texts: Texts) -> Any:
        return [self.core.encode_to_numpy(text, disallowed_special=()) for text in texts]

    def lists(self, texts: Texts) -> Any:
        return self.core.encode_ordinary_batch(texts, num_threads=int(os.environ["LITZ_NUM_THREADS"]))

    def one(self, text: str) -> Any:
        return self.core.encode_ordinary(text)


class Fastokens(System):
    def __init__(self, path: str) -> None:
        import fastokens

        self.core = fastokens._native.Tokenizer.from_file(path)

    def flat(self, texts: Texts) -> Any:
        return self.core.encode_batch_flat(texts)

    def lists(self, texts: Texts) -> Any:
        return [getattr(row, "ids", row) for row in self.core.encode_batch(texts)]

    def one(self, text: str) -> Any:
        return self.core.encode(text)

    def rows(self, result: Any) -> Sequence[Sequence[int]]:
        return Litz.rows(self, result)  # type: ignore[arg-type]


class Tokie(System):
    def __init__(self, path: str) -> None:
        import tokie

        self.core = tokie.Tokenizer.from_json(path)

    def flat(self, texts: Texts) -> Any:
        return self.core.encode_batch_flat(texts, add_special_tokens=False)

    def lists(self, texts: Texts) -> Any:
        return [row.ids for row in self.core.encode_batch(texts, add_special_tokens=False)]

    def one(self, text: str) -> Any:
        return self.core.encode(text, add_special_tokens=False).ids

    def rows(self, result: Any) -> Sequence[Sequence[int]]:
        if isinstance(result, tuple):
            ids, ends = result
            return [list(map(int, ids[a:b])) for a, b in pairwise(ends)]
        return super().rows(result)


class Kitoken(System):
    def __init__(self, path: str) -> None:
        import kitoken

        self.core = kitoken.Kitoken.from_tokenizers_file(path)

    def lists(self, texts: Texts) -> Any:
        return self.core.encode_all(texts)

    def one(self, text: str) -> Any:
        return self.core.encode(text)


SYSTEMS: dict[str, Callable[[str], System]] = {
    "litz": Litz, "gigatoken": Gigatoken, "tokenizers": Tokenizers, "transformers": Transformers,
    "tiktoken": Tiktoken, "fastokens": Fastokens, "tokie": Tokie, "kitoken": Kitoken,
}  # fmt: skip


def timed(call: Callable[[Any], Any], given: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call(given)
    return time.perf_counter() - start, result


def answer(system: System, question: dict[str, Any]) -> dict[str, Any]:
    form = question["form"]
    call = getattr(system, form, None)
    if call is None:
        return {"missing": True}
    texts: Texts = json.loads(Path(question["texts"]).read_text())
    if form == "one":
        taken = sorted(timed(call, text)[0] for text in texts)
        return {"seconds": taken[len(taken) // 2]}
    seconds, result = timed(call, texts)
    if not question.get("check"):
        return {"seconds": seconds}
    rows = json.dumps([list(row) for row in system.rows(result)]).encode()
    return {"seconds": seconds, "ids": hashlib.sha256(rows).hexdigest()[:16]}


def main() -> None:
    name, path = sys.argv[1:]
    try:
        start = time.perf_counter()
        system = SYSTEMS[name](path)
        print(json.dumps({"loaded": time.perf_counter() - start}), flush=True)
    except Exception as error:
        print(json.dumps({"missing": f"{type(error).__name__}: {error}"}), flush=True)
        return
    for line in sys.stdin:
        print(json.dumps(answer(system, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
