"""What `litz embed` and `litz similar` share: the texts of a file, and the encoder with its options."""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from litz.cli.arguments.generation import number
from litz.cli.terminal.console import clean
from litz.errors import ArgumentError, FileAccessError

if TYPE_CHECKING:
    from litz.sentences import SentenceEncoder

FILES_HELP = (
    "FILE is text, a line each, or JSON lines (.jsonl: --field of each); - is standard input. Empty lines count."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of both."""
    parser.add_argument("--field", default="text", help="the member that holds the text in JSON lines (default: text)")
    parser.add_argument("--dim", type=number(int, 1, 1 << 20), metavar="N", help="keep the first N numbers of a vector")
    parser.add_argument(
        "--max-length", type=number(int, 1, 1 << 20), metavar="N", help="cut texts after N tokens; a line says how many"
    )
    parser.add_argument(
        "--batch-size", type=number(int, 1, 1 << 20), default=32, metavar="N", help="texts that are computed at once"
    )
    parser.add_argument("-t", "--threads", type=number(int, 1, 1024), metavar="N", help="threads to compute with")


def load(options: argparse.Namespace) -> "SentenceEncoder":
    """The encoder of the model that was named."""
    from litz.cli.arguments.names import one_model
    from litz.sentences import SentenceEncoder

    encoder = SentenceEncoder(
        one_model(options.model, None), threads=options.threads, max_length=options.max_length, truncate_dim=options.dim
    )
    if not encoder.recipe.source:
        note(f"{encoder.model.name_or_path} does not say how to pool: vectors are means of the last hidden states")
    return encoder


def read_texts(name: str, *, field: str) -> list[str]:
    """The texts of a file, or of standard input where it is called -; ArgumentError or FileAccessError if it cannot."""
    if name == "-":
        if sys.stdin is None:
            raise ArgumentError("- is standard input, which is closed")
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise FileAccessError(f"cannot read {name}: {error.strerror or error}") from error
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{name} is no UTF-8 text: byte {error.start} is {error.object[error.start]:#x}") from error
    if lines[-1] == "":
        lines.pop()
    lines = [line.removesuffix("\r") for line in lines]
    if name.endswith(".jsonl"):
        return [_member(line, field, place=f"{name}:{row}") for row, line in enumerate(lines, 1)]
    return lines


def _member(line: str, field: str, *, place: str) -> str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"{place} is no JSON: {error}") from error
    text = value.get(field) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise ArgumentError(f"{place} has no text under {field!r}; --field names another member")
    return text


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """What is warned of in the block is a line of standard error each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        note(str(warning.message))


def note(text: str) -> None:
    """A line of standard error."""
    if sys.stderr is not None:
        print(clean(f"litz: {text}"), file=sys.stderr)
