"""`litz tokenizer`: shows tokens, lists a vocabulary, encodes a corpus, trains a tokenizer."""

import argparse
from importlib import import_module

ACTIONS = {
    "show": "show how a text is cut into tokens, by one tokenizer or by several",
    "dump": "list every token with its id",
    "encode": "encode a corpus into a file of ids",
    "train": "train a tokenizer on text files",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in ACTIONS.items():
        form = argparse.RawDescriptionHelpFormatter
        action = actions.add_parser(name, help=text, description=text, formatter_class=form)
        import_module(f"litz.cli.tokenizer.{name}").configure(action)


def run(options: argparse.Namespace) -> int:
    """Run the action."""
    return int(import_module(f"litz.cli.tokenizer.{options.action}").run(options))
