"""The syntax of every command as data, from which completion scripts are made."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from litz.cli.arguments.parser import actions

# What follows an option or stands in a place: a model's name, a file, one of some words, or free text.
Kind = Literal["model", "file", "words", "free", "nothing"]

_FILES = ("FILE", "FILES", "DIR", "OUTPUT", "PATH", "MODEL FILES", "FILE.gguf")


@dataclass(frozen=True)
class Value:
    """What an option takes, or a word without an option."""

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flag:
    """An option in all its spellings."""

    spellings: tuple[str, ...]
    text: str
    value: Value


@dataclass(frozen=True)
class Form:
    """A command, or an action of one: `chat`, `tokenizer show`."""

    words: tuple[str, ...]
    text: str
    flags: tuple[Flag, ...]
    values: tuple[Value, ...]  # of the words without an option


def describe(name: str, text: str, parser: argparse.ArgumentParser) -> list[Form]:
    """The forms of a command: itself, then its actions."""
    return _describe((name,), text.partition(":")[0], parser)


def _describe(words: tuple[str, ...], text: str, parser: argparse.ArgumentParser) -> list[Form]:
    inner = dict(actions(parser))
    flags = tuple(
        Flag(tuple(entry.option_strings), _text(entry), _value(entry))
        for entry in parser._actions
        if entry.option_strings and entry.help != argparse.SUPPRESS
    )
    values = tuple(_value(entry) for entry in parser._actions if not entry.option_strings)
    forms = [Form(words, text, flags, values)]
    for name, action in inner.items():
        forms += _describe((*words, name), action.description or name, action)
    return forms


def _value(entry: argparse.Action) -> Value:
    if entry.nargs == 0:
        return Value("nothing")
    if entry.choices is not None:
        return Value("words", tuple(map(str, entry.choices)))
    shown = str(entry.metavar or entry.dest)
    if shown in _FILES or entry.type is Path:
        return Value("file")
    return Value("model") if shown.startswith("MODEL") else Value("free")


def _text(entry: argparse.Action) -> str:
    """The first part of an option's help."""
    return (entry.help or "").replace("%%", "%").partition(";")[0].partition(" (")[0]
