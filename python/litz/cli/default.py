"""`litz default`: shows or sets the model of command lines that name none."""

import argparse

from litz.cli.command import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "litz default [MODEL | --unset]"
    parser.description = (
        "Show or set the model that chat, generate, info, pull and the tokenizer commands take where none is named. "
        "What the command line names comes first, then LITZ_MODEL, then what is set here, then litz's own."
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="take this one from now on")
    parser.add_argument("--unset", action="store_true", help="take litz's own again")


def run(options: argparse.Namespace) -> int:
    """Show the model, or keep another."""
    from litz.hub import chosen

    if options.unset and options.model is not None:
        raise UsageError("MODEL and --unset contradict each other; give one of them")
    if options.unset:
        chosen.unset_model()
    elif options.model is not None:
        chosen.set_model(_checked(options.model))
    print(described())
    return 0


def described() -> str:
    """The model of command lines that name none, and what chose it."""
    from litz.hub.chosen import COMMAND, VARIABLE, chosen_model, configured_model

    choice = chosen_model()
    behind = f"; `litz default` says {configured_model()}" if choice.why == VARIABLE and configured_model() else ""
    return f"{choice.source} ({f'`{COMMAND}`' if choice.why == COMMAND else choice.why}{behind})"


def _checked(model: str) -> str:
    """The name, in a form that does not depend on the current folder or a branch; what names no model is refused."""
    from litz.cli.arguments.names import one_model
    from litz.hub.known import find_known
    from litz.hub.sources import PathSource, parse

    named = one_model(model, None)
    source = parse(named)
    if isinstance(source, PathSource):
        return str(source.path.absolute())
    known = find_known(named)
    return named if known is None else known.name
