"""`litz generate`: continue a text, without a chat template."""

import argparse
import sys

from litz.cli import options as generation
from litz.cli import piped
from litz.cli.console import Console
from litz.cli.engine import load
from litz.errors import ArgumentError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="a folder, a .gguf file, owner/name[:FILE.gguf] or pypi:…")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="the text to continue (default: standard input)")
    generation.configure(parser)


def run(options: argparse.Namespace) -> int:
    """Print what follows the prompt, as it comes."""
    console = Console()
    parameters = generation.parameters(options)
    prompt = options.prompt
    if prompt is None:
        if console.interactive:
            console.note("(reading the prompt from the terminal; Ctrl-D ends it)")
        prompt = piped.read_all().removesuffix("\n")
    if not prompt and sys.stdin is None:
        raise ArgumentError("there is no prompt")
    machine = {"threads": options.threads, "context": options.context, "exact": options.exact}
    engine = load(options.model, **machine, parameters=parameters)
    try:
        for piece in engine.complete(prompt):
            console.write(piece)
    finally:
        console.end()
    if engine.stats.finish == "context":
        console.note(f"(cut: the context of {engine.context} tokens is full)")
    if options.stats:
        console.note(str(engine.stats))
    return 0
