"""`litz ls`: the models of litz's cache and of the Hub's."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--paths", action="store_true", help="show where each model is")


def run(options: argparse.Namespace) -> int:
    """One line a model."""
    import sys

    from litz import hub
    from litz.hub.locations import hub_cache, litz_home
    from litz.hub.progress import size

    models = hub.cached()
    if not models:
        print(f"no models in {litz_home()} or {hub_cache()}; `litz pull` fetches one", file=sys.stderr)
        return 0
    width = max(len(model.source) for model in models)
    for model in models:
        state = "" if model.complete else "  incomplete"
        place = f"  {model.path}" if options.paths else ""
        print(f"{model.source:<{width}}  {size(model.bytes):>7}{state}{place}")
    return 0
