"""`litz ls`: lists the models of the caches, or those with short names."""

import argparse

from litz.cli.command import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--known", action="store_true", help="list short names: what each is, its size, if it is here")
    parser.add_argument("--names", action="store_true", help="print names and nothing else, as -m takes them")
    parser.add_argument("--paths", action="store_true", help="show where each model is")


def run(options: argparse.Namespace) -> int:
    """One line a model."""
    import sys

    from litz import hub
    from litz.hub.locations import hub_cache, litz_home
    from litz.hub.progress import size

    if options.paths and (options.known or options.names):
        raise UsageError(f"--paths does nothing with {'--known' if options.known else '--names'}")
    if options.known:
        return _list_known(names_only=options.names)
    models = hub.cached()
    if options.names:
        print(*(model.source for model in models if model.complete), sep="\n", end="\n" if models else "")
        return 0
    if not models:
        print(f"no models in {litz_home()} or {hub_cache()}; `litz pull` fetches one", file=sys.stderr)
        return 0
    width = max(len(model.source) for model in models)
    for model in models:
        state = "" if model.complete else "  incomplete"
        place = f"  {model.path}" if options.paths else ""
        print(f"{model.source:<{width}}  {size(model.bytes):>7}{state}{place}")
    return 0


def _list_known(*, names_only: bool) -> int:
    """A line for each short name; a star marks what a family's name alone means."""
    from litz.hub.cache import is_cached
    from litz.hub.known import KNOWN
    from litz.hub.progress import size

    for row in KNOWN:
        if names_only:
            print(row.name)
            continue
        name = row.name + (" *" if row.usual else "")
        here = "cached" if is_cached(row.name) else ""
        print(f"{name:<16}  {size(row.megabytes * 1e6):>7}  {row.quantisation:<6}  {here:<6}  {row.repo}")
    if not names_only:
        print("* is what the name before the colon means alone")
    return 0
