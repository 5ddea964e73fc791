"""`litz pull`: fetch a model, so that it is here when the network is not."""

import argparse

from litz.cli.arguments import names

TIMEOUT = 60.0  # seconds: who pulls has time


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", nargs="?", help=names.MODEL_HELP)
    names.configure(parser)
    parser.add_argument("--revision", metavar="NAME", help="a branch, tag or commit of the Hub")


def run(options: argparse.Namespace) -> int:
    """Resolve the source and say where it is."""
    from litz import hub

    source = names.one_model(options.model, options.named)
    files = hub.resolve(source, revision=options.revision, timeout=TIMEOUT)
    print(files.gguf or files.root)
    return 0
