"""`litz tokenizer encode`: a corpus as ids in a file, in bounded memory and on all cores."""

import argparse
import contextlib
import json
import sys
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from litz.cli.arguments import names
from litz.cli.command import UsageError
from litz.cli.tokenizer.documents import Corpus
from litz.errors import ArgumentError

_EPILOG = """\
FILES are text (.txt and anything else: a document a line, or with --whole a document a file), JSON lines (.jsonl:
--field of each) or Parquet (.parquet: column --field); .txt.gz and .jsonl.gz too; - is standard input. Empty documents
are left out. Special tokens in the text count as such, as in every call of a tokenizer.

OUTPUT holds the ids and nothing else, little-endian, two bytes each where the vocabulary allows it, else four:
numpy.memmap("tokens.bin", dtype="<u2"). OUTPUT.json says what it is: {"dtype": "uint16", "tokens", "documents",
"vocabulary", "tokenizer", "eos"}. With --offsets, OUTPUT.offsets holds where each document begins and, last, the number
of tokens, as little-endian 64-bit integers. All of them appear when they are whole.
"""
# Characters that are read before they are encoded: a few batches are in memory at a time.
_BATCH = 1 << 22
_WIDTHS = {"uint16": ("H", 1 << 16), "uint32": ("I", 1 << 32)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EPILOG
    parser.usage = "litz tokenizer encode [MODEL] FILES... -o OUTPUT [options]"
    parser.add_argument("words", metavar="MODEL FILES", nargs="+", help="whose tokenizer, and what to encode with it")
    parser.add_argument("-m", "--model", metavar="MODEL", dest="named", help="then every word is one of FILES")
    parser.add_argument("-o", "--output", metavar="OUTPUT", required=True, help="the file of ids")
    parser.add_argument("--field", default="text", help="the member or column that holds the text (default: text)")
    parser.add_argument("--whole", action="store_true", help="a text file is one document, not one a line")
    parser.add_argument("--eos", action="store_true", help="add the end-of-text token to each document")
    parser.add_argument("--special", action="store_true", help="add the special tokens that the tokenizer adds")
    parser.add_argument("--offsets", action="store_true", help="write where each document begins, too")
    parser.add_argument("--dtype", choices=("auto", *_WIDTHS), default="auto", help="the integers of OUTPUT")


@dataclass
class _Counts:
    """Counts of what has been written."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class _Encoder:
    """Documents to the bytes of their ids, and the number of tokens of each."""

    core: Any
    code: str  # of `array`
    special: bool
    eos: int | None

    def __call__(self, texts: list[str]) -> tuple[bytes, list[int]]:
        flat, offsets = self.core.encode_flat(texts, self.special)
        ids = array(self.code, memoryview(flat).cast("I")) if self.code == "H" else array("I", bytes(flat))
        starts = memoryview(offsets).cast("q").tolist()
        if self.eos is not None:
            joined = array(self.code)
            for start, end in pairwise(starts):
                joined.extend(ids[start:end])
                joined.append(self.eos)
            ids = joined
        if sys.byteorder == "big":
            ids.byteswap()
        more = int(self.eos is not None)
        return ids.tobytes(), [end - start + more for start, end in pairwise(starts)]


def run(options: argparse.Namespace) -> int:
    """Encode, and print how much and how fast."""
    from litz.atomic_files import AtomicFile
    from litz.hub.progress import size
    from litz.models.auto import AutoTokenizer

    if options.output == "-":
        raise ArgumentError("-o names a file: the ids are not written to standard output")
    model, files = _words(options)
    tokenizer = AutoTokenizer.from_pretrained(model)
    corpus = Corpus(files, field=options.field, whole=options.whole)
    dtype = _dtype(options.dtype, max(tokenizer.get_vocab().values(), default=0))
    eos = _eos(tokenizer) if options.eos else None
    encoder = _Encoder(tokenizer._core, _WIDTHS[dtype][0], options.special, eos)
    path, began = Path(options.output), time.perf_counter()
    with contextlib.ExitStack() as stack:
        # Files are renamed in the reverse order of opening: the ids come last.
        ids = stack.enter_context(AtomicFile(path))
        about = stack.enter_context(AtomicFile(Path(f"{path}.json")))
        starts = stack.enter_context(AtomicFile(Path(f"{path}.offsets"))) if options.offsets else None
        counts = _write(encoder, corpus, ids, starts)
        content = {
            "dtype": dtype,
            "tokens": counts.tokens,
            "documents": counts.documents,
            "vocabulary": len(tokenizer),
            "tokenizer": model,
            "eos": eos,
        }
        about.write(json.dumps(content, ensure_ascii=False).encode() + b"\n")
    spent = time.perf_counter() - began
    rate = counts.bytes / 1e6 / max(spent, 1e-9)
    print(
        f"{counts.documents} documents, {counts.tokens} tokens ({dtype}), {size(counts.bytes)} of text "
        f"in {spent:.1f} s: {rate:.1f} MB/s",
        file=sys.stderr,
    )
    return 0


def _words(options: argparse.Namespace) -> tuple[str, tuple[str, ...]]:
    """The model, which a corpus is never encoded without naming, and the files."""
    if options.named is not None:
        return names.one_model(None, options.named), tuple(options.words)
    if len(options.words) < 2:
        raise UsageError(f"expected MODEL and FILES, found {options.words[0]!r} alone")
    return names.one_model(options.words[0], None), tuple(options.words[1:])


def _dtype(requested: str, largest: int) -> str:
    if requested == "auto":
        return "uint16" if largest < _WIDTHS["uint16"][1] else "uint32"
    if largest >= _WIDTHS[requested][1]:
        raise ArgumentError(f"the largest id is {largest} and does not fit into {requested}; use --dtype uint32")
    return requested


def _eos(tokenizer: Any) -> int:
    if tokenizer.eos_token_id is None:
        raise ArgumentError("--eos: this tokenizer names no end-of-text token")
    return int(tokenizer.eos_token_id)


def _write(encoder: _Encoder, corpus: Corpus, ids: BinaryIO, starts: BinaryIO | None) -> _Counts:
    """Read, encode and write at the same time: one batch each."""
    from litz.hub.progress import Progress

    counts = _Counts()
    progress = Progress("encode", corpus.size())
    with ThreadPoolExecutor(1) as pool, contextlib.closing(progress):
        waiting = None
        for batch in _batches(corpus, counts):
            following = pool.submit(encoder, batch)
            if waiting is not None:
                _put(waiting.result(), counts, ids, starts)
                progress.update(counts.bytes)
            waiting = following
        if waiting is not None:
            _put(waiting.result(), counts, ids, starts)
    if starts is not None:
        starts.write(counts.tokens.to_bytes(8, "little"))
    return counts


def _put(encoded: tuple[bytes, list[int]], counts: _Counts, ids: BinaryIO, starts: BinaryIO | None) -> None:
    data, lengths = encoded
    ids.write(data)
    counts.documents += len(lengths)
    begins = array("q")
    for length in lengths:
        begins.append(counts.tokens)
        counts.tokens += length
    if starts is not None:
        if sys.byteorder == "big":
            begins.byteswap()
        starts.write(begins.tobytes())


def _batches(corpus: Corpus, counts: _Counts) -> Iterator[list[str]]:
    batch: list[str] = []
    held = 0
    for text in corpus.documents():
        batch.append(text)
        held += len(text)
        if held >= _BATCH:
            counts.bytes += sum(len(document.encode()) for document in batch)
            yield batch
            batch, held = [], 0
    if batch:
        counts.bytes += sum(len(document.encode()) for document in batch)
        yield batch
