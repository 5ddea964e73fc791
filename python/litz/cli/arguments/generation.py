"""Options of chat and generate, and the generation parameters that they set."""

import argparse
from collections.abc import Callable
from typing import Any

from litz.cli.command import UsageError
from litz.generation.parameters import PARAMETERS, SAMPLING


def number(kind: type, low: float, high: float = float("inf"), *, open_low: bool = False) -> Callable[[str], Any]:
    """A parser of numbers from `low` (not `low` itself if `open_low`) to `high`."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high or (open_low and value == low):
            limits = f", {'above' if open_low else 'at least'} {low:g}" if low > -1e9 else ""
            limits += f", at most {high:g}" if high < 1e9 else ""
            raise argparse.ArgumentTypeError(f"{text!r}: expected a {'whole ' if kind is int else ''}number{limits}")
        return value

    return parse


def number_of(name: str) -> Callable[[str], Any]:
    """A parser of a generation parameter that is a number, in the core's range, which is read when it parses."""

    def parse(text: str) -> Any:
        from litz import _core

        low, high, above = _core.generation_ranges()[name]
        typed = PARAMETERS[name].typed
        most = high if high < 1e9 else float("inf")  # beyond it, the error of `read` has the number
        return number(type(low), low, most, open_low=above or (typed is not None and typed.above))(text)

    return parse


# Name: how a number is read, and what it does.
NUMBERS: dict[str, tuple[Callable[[str], Any], str]] = {
    name: (number_of(name), row.typed.text) for name, row in PARAMETERS.items() if row.typed
}
OPTIONS = tuple(name for name, row in PARAMETERS.items() if row.typed and row.typed.option)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options; parameters that are not given come from the model's generation_config."""
    group = parser.add_argument_group("generation (defaults: the model's own)")
    for name in OPTIONS:
        parse, text = NUMBERS[name]
        group.add_argument("--" + name.replace("_", "-"), type=parse, metavar="N", help=text)
    group.add_argument("--greedy", action="store_true", help="always take the most likely token")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--threads", type=number(int, 1, 1024), metavar="N", help="threads to compute with")
    machine.add_argument("--context", type=number(int, 1), metavar="N", help="hold at most this many tokens")
    machine.add_argument(
        "--exact",
        action="store_true",
        help="full floats against quantised weights: slower, closer",
    )
    parser.add_argument("--stats", action="store_true", help="print tokens per second at the end")


def parameters(options: argparse.Namespace) -> dict[str, Any]:
    """The generation parameters that were given; a parameter of sampling switches sampling on."""
    given = {name: getattr(options, name) for name in OPTIONS if getattr(options, name) is not None}
    return with_sampling(given, greedy=options.greedy)


def with_sampling(given: dict[str, Any], *, greedy: bool) -> dict[str, Any]:
    """Add do_sample where it follows; UsageError if the arguments contradict each other."""
    requested = [name for name in SAMPLING if name in given]
    if greedy and any(given[name] for name in requested):
        raise UsageError(f"--greedy and --{requested[0].replace('_', '-')} contradict each other; give one of them")
    if greedy:
        return {**{name: value for name, value in given.items() if name not in SAMPLING}, "do_sample": False}
    return {**given, "do_sample": True} if requested else given
