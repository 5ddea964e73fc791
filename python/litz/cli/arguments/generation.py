"""Options of chat and generate, and the generation parameters that they set."""

import argparse
from collections.abc import Callable
from typing import Any

from litz.cli.command import UsageError

SAMPLING = ("temperature", "top_p", "top_k", "min_p")


def number(kind: type, low: float, high: float = float("inf"), *, open_low: bool = False) -> Callable[[str], Any]:
    """A parser of numbers from `low` (not `low` itself if `open_low`) to `high`."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high or (open_low and value == low):
            limits = f"{'above' if open_low else 'at least'} {low:g}" + (f", at most {high:g}" if high < 1e9 else "")
            raise argparse.ArgumentTypeError(f"{text!r}: expected a {'whole ' if kind is int else ''}number, {limits}")
        return value

    return parse


PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "max_new_tokens": (number(int, 1), "stop after this many tokens"),
    "temperature": (number(float, 0), "sample, flatter above 1, sharper below; 0 is greedy"),
    "top_p": (number(float, 0, 1, open_low=True), "sample from the most likely tokens that sum up to this"),
    "top_k": (number(int, 0), "sample from this many most likely tokens; 0 is all"),
    "min_p": (number(float, 0, 1), "sample from tokens at least this likely, relative to the best"),
    "repetition_penalty": (number(float, 0, open_low=True), "above 1 makes tokens of the text so far less likely"),
    "seed": (number(int, 0, 2**63 - 1), "make sampling repeatable"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options; parameters that are not given come from the model's generation_config."""
    group = parser.add_argument_group("generation (defaults: the model's own)")
    for name, (parse, text) in PARSERS.items():
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
    """The generation parameters that were given; asking for a way to sample asks for sampling."""
    given = {name: getattr(options, name) for name in PARSERS if getattr(options, name) is not None}
    return with_sampling(given, greedy=options.greedy)


def with_sampling(given: dict[str, Any], *, greedy: bool) -> dict[str, Any]:
    """Add do_sample where it follows; UsageError if both ways are asked for."""
    asked = [name for name in SAMPLING if name in given]
    if greedy and any(given[name] for name in asked):
        raise UsageError(f"--greedy and --{asked[0].replace('_', '-')} contradict each other; give one of them")
    if greedy:
        return {**{name: value for name, value in given.items() if name not in SAMPLING}, "do_sample": False}
    return {**given, "do_sample": True} if asked else given
