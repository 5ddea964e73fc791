"""`litz pull`: fetches a model into the cache."""

import argparse

from litz.cli.arguments import names

TIMEOUT = 60.0  # seconds: longer than for a model that a chat downloads first


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", nargs="?", help=names.MODEL_HELP)
    names.configure(parser)
    parser.add_argument("--revision", metavar="NAME", help="a branch, tag or commit of the Hub")


def run(options: argparse.Namespace) -> int:
    """Resolve the source and print its path."""
    from litz import hub

    source = names.one_model(options.model, options.named)
    files = hub.resolve(source, revision=options.revision, timeout=TIMEOUT)
    print(files.gguf or files.root)
    return 0
