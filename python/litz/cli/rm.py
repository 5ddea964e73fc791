"""`litz rm`: delete models from the caches, never a folder of the user's."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="as `litz ls` prints it or a short name; all its revisions go",
    )


def run(options: argparse.Namespace) -> int:
    """Delete each model and print how much that freed."""
    from litz import hub
    from litz.hub.progress import size

    for model in options.models:
        print(f"removed {model}: {size(hub.remove(model))} freed")
    return 0
