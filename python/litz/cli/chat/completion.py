"""Tab completion in a conversation: commands, their arguments, and paths."""

import os
from dataclasses import dataclass
from pathlib import Path

from litz.cli.chat.commands import TOPICS, names
from litz.cli.chat.settings import SETTINGS, switch

_PARAMETERS = tuple(SETTINGS)
_SWITCHES = {name: ("on", "off") for name, (parse, _) in SETTINGS.items() if parse is switch}


@dataclass(frozen=True)
class Candidate:
    """A word that could stand in place of the last `replaces` characters before the cursor."""

    text: str
    replaces: int


def candidates(line: str) -> list[Candidate]:
    """The ways in which a line that begins with a slash can go on; none for other lines."""
    if not line.startswith("/") or line.startswith("//") or "\n" in line:
        return []
    name, space, rest = line.partition(" ")
    commands = names()
    if not space:
        return [
            Candidate(known + " " * bool(command.arguments), len(line))
            for known, command in sorted(commands.items())
            if known.startswith(line)
        ]
    command = commands.get(name)
    if command is None or command.completes is None:
        return []
    if command.completes == "path":
        return _paths(rest)
    if command.completes == "topic":
        return _starting(rest, TOPICS)
    return _assignments(rest) if "=" in command.arguments else _setting(rest)


def _starting(typed: str, words: tuple[str, ...], end: str = "") -> list[Candidate]:
    return [Candidate(word + end, len(typed)) for word in words if word.startswith(typed)]


def _setting(rest: str) -> list[Candidate]:
    """`/set NAME VALUE`."""
    name, space, value = rest.partition(" ")
    if not space:
        return _starting(name, tuple(sorted(_PARAMETERS)), " ")
    return _starting(value, (*_SWITCHES.get(name, ()), "default"))


def _assignments(rest: str) -> list[Candidate]:
    """`/params NAME=VALUE …`: the name of the last one."""
    word = rest.rpartition(" ")[2]
    return [] if "=" in word else _starting(word, tuple(sorted(_PARAMETERS)), "=")


def _paths(rest: str) -> list[Candidate]:
    folder, slash, name = rest.rpartition("/")
    place = Path(folder + slash or ".").expanduser()
    if rest == "~":
        return [Candidate("~/", 1)]
    try:
        with os.scandir(place) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return []
    return [
        Candidate(known + "/" * is_folder, len(name))
        for known, is_folder in found
        if known.startswith(name) and (name.startswith(".") or not known.startswith(".")) and known.isprintable()
    ]
