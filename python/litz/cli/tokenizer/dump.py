"""`litz tokenizer dump`: every token of a vocabulary."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litz.atomic_files import AtomicFile
from litz.cli.arguments import names
from litz.cli.tokenizer.tokens import readable, visible

_EPILOG = """\
A line for each id: the id, a tab, the text that the token stands for. A newline is \\n, a tab \\t, a backslash \\\\, a
space a middle dot, and bytes that are no whole character are <E4 BD>. --json is exact: {"id", "token", "text", "bytes",
"special"}, a line each, with the token as the vocabulary spells it and its bytes in hexadecimal digits.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("model", metavar="MODEL", nargs="?", help="or a folder with a tokenizer")
    names.configure(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write here (default: standard output)")
    parser.add_argument("--json", action="store_true", help="write JSON lines")


def run(options: argparse.Namespace) -> int:
    """Write the list."""
    from litz.models.auto import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(names.one_model(options.model, options.named))
    lines = _json_lines(tokenizer) if options.json else _lines(tokenizer)
    if options.output is None:
        sys.stdout.writelines(lines)
        return 0
    with AtomicFile(Path(options.output)) as out:
        count = 0
        for line in lines:
            out.write(line.encode())
            count += 1
    print(f"{count} tokens in {options.output}", file=sys.stderr)
    return 0


def _ids(tokenizer: Any) -> list[int]:
    return sorted(tokenizer.get_vocab().values())


def _lines(tokenizer: Any) -> Iterator[str]:
    for id in _ids(tokenizer):
        yield f"{id}\t{visible(readable(tokenizer._core, id))}\n"


def _json_lines(tokenizer: Any) -> Iterator[str]:
    core = tokenizer._core
    control = {id for id, _, is_special, *_ in core.added_tokens() if is_special}
    for id in _ids(tokenizer):
        row = {
            "id": id,
            "token": core.id_to_token(id),
            "text": core.decode([id]),
            "bytes": core.decode_bytes([id]).hex(),
            "special": id in control,
        }
        yield json.dumps(row, ensure_ascii=False) + "\n"
