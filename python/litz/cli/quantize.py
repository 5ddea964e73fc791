"""`litz quantize`: writes a GGUF file with its matrices in a smaller type."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from litz.cli.arguments.generation import number
from litz.cli.terminal.console import clean

if TYPE_CHECKING:
    from litz.hub import ModelFiles

_TYPES = """\
types, from the widest: F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q5_K, Q5_1, Q5_0, Q4_K_M, Q4_K_S, Q4_K, Q4_1, Q4_0,
IQ4_NL. All matrices get the type, save that
  - the output matrix, or the token embeddings where they are the output too, is Q6_K (Q8_0 for Q8_0);
  - _M and _S store some layers' values and ffn_down in Q6_K or Q5_K, as llama.cpp does;
  - rows that are no multiple of 256 make Q4_K Q5_0, Q5_K Q5_1 and Q6_K Q8_0, and no multiple of 32 F16.
Vectors and norms are F32, the gates of experts and position tables stay as they are.

Safetensors are written as GGUF first, for these families: Llama 1 to 3, SmolLM 1 to 3, Mistral without windows, Qwen 2,
2.5 and 3, Gemma 1 to 3, Granite, OLMo 2. What is written is read back and compared: sizes, scales, rotary frequencies,
the ids of texts, special tokens, the chat template. What would not be the same is refused by name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _TYPES
    parser.add_argument("model", metavar="MODEL", help="a GGUF file, a folder of safetensors, or a model's name")
    parser.add_argument("type", metavar="TYPE", help="what the matrices become, such as Q4_K_M; see below")
    parser.add_argument("-o", "--output", metavar="FILE.gguf", type=Path, required=True, help="the file to write")
    parser.add_argument("--force", action="store_true", help="write over FILE.gguf if it is there")
    parser.add_argument(
        "--allow-requantize", action="store_true", help="quantise what is quantised already; it loses twice"
    )
    parser.add_argument("--threads", type=number(int, 1, 1024), metavar="N", help="threads to compute with")


def run(options: argparse.Namespace) -> int:
    """Quantise; the path of the file goes to standard output, the types of the tensors to standard error."""
    from litz.cli.chat.signals import Interrupts

    interrupts = Interrupts()
    with interrupts.handled(), interrupts.allowed():  # no way of ending leaves an incomplete file
        return _quantize(options)


def _quantize(options: argparse.Namespace) -> int:
    from litz.atomic_files import AtomicFile
    from litz.export.job import Job
    from litz.export.schemes import scheme_named
    from litz.hub.progress import Progress

    scheme = scheme_named(options.type)
    files = _files(options.model)
    target = _target(options.output, files.gguf, force=options.force)
    with _as_gguf(files, target) as source:
        job = Job(source, scheme, requantize=options.allow_requantize)
        job.check_space(target.parent)
        progress = Progress(f"quantising to {scheme.name}", sum(each.bytes_before for each in job.planned))
        try:
            with AtomicFile(target) as out:
                written = job.write(out, threads=options.threads, advance=progress.update)
                out.flush()
                os.fsync(out.fileno())
        finally:
            progress.close()
    for line in (*written.narrowed, str(written)):
        print(clean(line), file=sys.stderr)
    print(target)
    return 0


def _files(model: str) -> "ModelFiles":
    from litz import hub
    from litz.cli.arguments.names import one_model

    return hub.resolve(one_model(model, None))


@contextmanager
def _as_gguf(files: "ModelFiles", target: Path) -> Iterator[Path]:
    """The model's GGUF file; one of safetensors is written as one first, beside the target."""
    if files.gguf is not None:
        yield files.gguf
        return
    from litz.convert import describe, written
    from litz.hub.progress import Progress

    made = describe(files)
    for note in made.notes:
        print(clean(f"{files.source}: {note}"), file=sys.stderr)
    progress = Progress("writing as GGUF", made.layout().size)
    try:
        with written(made, beside=target, advance=progress.update) as path:
            progress.close()
            yield path
    finally:
        progress.close()


def _target(path: Path, source: Path | None, *, force: bool) -> Path:
    """The file to write; ArgumentError where a file exists or none can be written."""
    from litz.errors import ArgumentError

    if path.is_dir():
        raise ArgumentError(f"-o {path} is a folder; expected the name of a file, such as {path / 'model.gguf'}")
    if not path.parent.is_dir():
        raise ArgumentError(f"-o {path}: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise ArgumentError(f"-o {path} is no regular file, and would be replaced; name another file")
    if source is not None and path.exists() and path.samefile(source):
        raise ArgumentError(f"-o {path} is the model itself; name another file")
    if path.exists() and not force:
        raise ArgumentError(f"{path} is there already; --force writes over it, -o names another file")
    return path
