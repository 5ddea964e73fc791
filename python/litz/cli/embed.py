"""`litz embed`: a vector for each line of a file."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz.cli import sentences

if TYPE_CHECKING:
    from litz.sentences.pooling import Floats

_EPILOG = f"""\
{sentences.FILES_HELP}

OUTPUT.npy holds one float32 array of (lines, numbers): numpy.load reads it. OUTPUT.jsonl, and standard output without
-o, hold {{"text": …, "vector": […]}} for each line. A file appears when it is whole.

A sentence-transformers folder says how a vector is made; for others it is the mean of the last hidden states.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", metavar="MODEL", help="a folder, a GGUF file, or a model's name")
    parser.add_argument("file", metavar="FILE", help="the texts, a line each; - is standard input")
    parser.add_argument("-o", "--output", metavar="OUTPUT", type=Path, help="vectors.npy or vectors.jsonl")
    parser.add_argument("--prompt", metavar="TEXT", help="put before every text, instead of the model's own prompt")
    parser.add_argument("--prompt-name", metavar="NAME", help="one of the model's prompts, such as query")
    parser.add_argument(
        "--normalize", action=argparse.BooleanOptionalAction, help="to length 1, or not (default: as the model says)"
    )
    sentences.configure(parser)


def run(options: argparse.Namespace) -> int:
    """Write the vectors; how many and how fast goes to standard error."""
    from litz.cli.chat.signals import Interrupts

    interrupts = Interrupts()
    with interrupts.handled(), interrupts.allowed():  # whatever ends it leaves no half files
        return _embed(options)


def _embed(options: argparse.Namespace) -> int:
    target = _target(options.output)
    texts = sentences.read_texts(options.file, field=options.field)
    encoder = sentences.load(options)
    began = time.perf_counter()
    with sentences.warnings_as_notes():
        vectors = encoder.encode(
            texts, batch_size=options.batch_size, normalize=options.normalize, prompt=options.prompt,
            prompt_name=options.prompt_name,
        )  # fmt: skip
    spent = time.perf_counter() - began
    if target is None:
        for line in _lines(texts, vectors):
            sys.stdout.write(line)
    else:
        _write(target, texts, vectors)
    rate = len(texts) / max(spent, 1e-9)
    sentences.note(f"{len(texts)} texts, {vectors.shape[1]} numbers each, in {spent:.1f} s: {rate:.0f} texts/s")
    return 0


def _target(path: Path | None) -> Path | None:
    """The file to write, None for standard output; ArgumentError before anything is computed."""
    from litz.errors import ArgumentError

    if path is None or str(path) == "-":
        return None
    if path.suffix not in (".npy", ".jsonl"):
        raise ArgumentError(f"-o {path} must end in .npy or .jsonl, which says what to write")
    if path.is_dir():
        raise ArgumentError(f"-o {path} is a folder; expected the name of a file, such as {path / 'vectors.npy'}")
    if not path.parent.is_dir():
        raise ArgumentError(f"-o {path}: there is no folder {path.parent}")
    return path


def _write(path: Path, texts: list[str], vectors: "Floats") -> None:
    import numpy as np

    from litz.atomic_files import AtomicFile

    with AtomicFile(path) as file:
        if path.suffix == ".npy":
            np.save(file, vectors)
        else:
            file.writelines(line.encode() for line in _lines(texts, vectors))


def _lines(texts: list[str], vectors: Any) -> Iterable[str]:
    for text, vector in zip(texts, vectors, strict=True):
        yield json.dumps({"text": text, "vector": vector.tolist()}, ensure_ascii=False) + "\n"
