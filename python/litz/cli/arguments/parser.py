"""argparse with suggestions for misspelt options and choices, and with options between the words."""

import argparse
import re
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from litz.nearest import nearest


class Parser(argparse.ArgumentParser):
    """argparse's with "did you mean", and options between the words; the parsers of actions are of this class, too."""

    _mixing = False

    def _print_message(self, message: str, file: Any = None) -> None:
        """A pipe without a reader ends the command here as elsewhere; argparse would ignore it."""
        if message:
            (file or sys.stderr).write(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Words may stand before, between and after options, unless `--` says where the words begin.

        A command with actions leaves this to the parsers of its actions.
        """
        if self._mixing or self._subparsers is not None or "--" in (args or ()):
            return super().parse_known_args(args, namespace)
        self._mixing = True  # argparse's way to mix calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Prints the usage, the error and a suggestion; exits with code 2."""
        super().error(message + _meant(message, self))


def actions(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The actions of a command, `show` of `litz tokenizer`, with their parsers."""
    for entry in parser._actions:
        if isinstance(entry, argparse._SubParsersAction):
            yield from entry.choices.items()


def flags(parser: argparse.ArgumentParser) -> list[str]:
    """Every long and short option of a command and of its actions."""
    own = [flag for entry in parser._actions for flag in entry.option_strings]
    return [*own, *(flag for _, action in actions(parser) for flag in flags(action))]


def _meant(message: str, parser: argparse.ArgumentParser) -> str:
    """`; did you mean --seed?` for an option that argparse does not have."""
    unknown = re.match(r"unrecognized arguments: (.*)", message)
    if unknown:
        wrong = [word.partition("=")[0] for word in unknown[1].split() if word.startswith("-")]
        near = [found for word in wrong if (found := nearest(word, flags(parser))) is not None]
        return f"; did you mean {' '.join(near)}?" if near else ""
    if message == "the following arguments are required: ACTION":
        return f", one of {', '.join(name for name, _ in actions(parser))}"
    choice = re.match(r"argument .*: invalid choice: '([^']*)' \(choose from (.*)\)", message)
    found = nearest(choice[1], re.findall(r"[\w.-]+", choice[2])) if choice else None
    return f"; did you mean {found}?" if found else ""
