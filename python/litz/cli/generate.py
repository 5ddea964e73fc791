"""`litz generate`: continue a text, without a chat template."""

import argparse
import sys

from litz.cli.arguments import generation, names
from litz.cli.engine import load
from litz.cli.terminal import piped
from litz.cli.terminal.console import Console
from litz.errors import ArgumentError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "litz generate [MODEL] [PROMPT] [options]"
    parser.epilog = f"Standard input: {piped.HELP}. Its last newline is no part of the text."
    parser.add_argument("words", nargs="*", metavar="MODEL PROMPT", help=names.WORDS_HELP)
    names.configure(parser)
    parser.add_argument("-p", "--prompt", metavar="TEXT", help="the text to continue, also where it is a model's name")
    generation.configure(parser)


def run(options: argparse.Namespace) -> int:
    """Print the continuation while it is generated."""
    console = Console()
    parameters = generation.parameters(options)
    model, prompt = names.split_words(
        options.words, named=options.named, prompt=options.prompt, prompt_option="litz generate -p"
    )
    if prompt is None:
        if console.interactive:
            console.note("(reading the prompt from the terminal; Ctrl-D ends it)")
        prompt = piped.read_all().removesuffix("\n")
    else:
        joined = piped.with_piped(prompt, console.note)
        prompt = prompt if joined == prompt else joined.removesuffix("\n")
    if not prompt and sys.stdin is None:
        raise ArgumentError("there is no prompt")
    machine = {"threads": options.threads, "context": options.context, "exact": options.exact}
    engine = load(model, **machine, parameters=parameters)
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
