"""Generation parameters from typed text or a preset: names, ranges, and which exclude each other."""

import argparse
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from litz.cli.arguments.generation import NUMBERS
from litz.errors import ArgumentError
from litz.generation.parameters import SAMPLING, read
from litz.nearest import nearest

_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}
# Other programs' names, and settings that are fixed before the conversation begins.
_ELSEWHERE = {
    "temp": "temperature", "num_predict": "max_new_tokens", "n_predict": "max_new_tokens",
    "max_tokens": "max_new_tokens", "repeat_penalty": "repetition_penalty", "stop_strings": "stop",
    "enable_thinking": "think",
}  # fmt: skip
_INSTEAD = {
    "verbose": "litz chat --stats prints tokens per second", "history": "litz chat --no-history keeps nothing",
    "model": "litz chat -m MODEL names it", "format": "this release has no JSON mode",
}  # fmt: skip
_AT_START = {"context": "--context N", "num_ctx": "--context N", "threads": "--threads N", "num_thread": "--threads N"}


def switch(text: str) -> bool:
    """On or off, in any of the usual words."""
    if text.lower() not in _SWITCH:
        raise argparse.ArgumentTypeError(f"{text!r}: expected on or off")
    return _SWITCH[text.lower()]


def stop_strings(text: str) -> list[str]:
    """The words of a line, quoted as in a shell, with \\n, \\t, \\r, \\0 and \\\\ as in Python."""
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace_split, reader.escape, reader.commenters = True, "", ""
    try:
        words = [re.sub(r"\\(.?)", _unescaped, word, flags=re.DOTALL) for word in reader]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {str(error).lower()}") from error
    if not words or not all(words):
        raise argparse.ArgumentTypeError('expected one or several texts, none empty, such as "###" "\\n\\n"')
    return words


def _unescaped(match: re.Match[str]) -> str:
    if match[1] not in _ESCAPES:
        raise argparse.ArgumentTypeError(f"{match[0]!r} stands for nothing; \\n, \\t, \\r, \\0 and \\\\ do")
    return _ESCAPES[match[1]]


Parse = Callable[[str], Any]
# Name: how a text is read, and what it does. What the command line takes is taken here as there.
SETTINGS: dict[str, tuple[Parse, str]] = {
    **NUMBERS,
    "do_sample": (switch, "on: sample; off: always take the most likely token"),
    "greedy": (switch, "on: always take the most likely token"),
    "stop": (stop_strings, 'end the answer at any of these texts: "###" "\\n\\n"'),
    "think": (switch, "whether the model reasons first, where its template has a switch"),
    "system": (str, "the system prompt"),
}
_TEXTS = ("stop", "system")
# Settings of the template and of the conversation, not of generation.
APART = ("think", "system")


def setting(name: str) -> str:
    """The name of a setting, dashes and all; ArgumentError says which one was meant."""
    plain = name.lstrip("-").replace("-", "_").lower()
    if plain in SETTINGS:
        return plain
    if plain in _AT_START:
        raise ArgumentError(f"{plain} is set when the chat begins: litz chat {_AT_START[plain]}")
    if plain in _INSTEAD:
        raise ArgumentError(f"{plain} is no parameter: {_INSTEAD[plain]}")
    near = _ELSEWHERE.get(plain) or nearest(plain, SETTINGS)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(SETTINGS)}"
    raise ArgumentError(f"no parameter {name!r}; {hint}")


def parsed(name: str, text: str) -> Any:
    """A value as it was typed; None for `default`. ArgumentError names the limits."""
    if text == "default":
        return None
    if name == "system":
        return unquoted(text)
    try:
        value = SETTINGS[name][0](text)
    except argparse.ArgumentTypeError as error:
        raise ArgumentError(f"{name}: {error}") from error
    return read("stop_strings" if name == "stop" else name, value)  # numbers that the core cannot hold


def unquoted(text: str) -> str:
    """A text without the quotes around the whole of it."""
    whole = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]
    return text[1:-1] if whole else text


def assignments(text: str) -> dict[str, Any]:
    """NAME VALUE, NAME=VALUE or several of these; None unsets. The texts of stop and system go on to the end.

    After stop=, words that are themselves NAME=VALUE are more of these. ollama's syntax works too:
    `parameter NAME VALUE`, and `think` and `nothink` alone.
    """
    text = re.sub(r"^parameter\s+", "", text)
    text = {"think": "think on", "nothink": "think off"}.get(text.strip(), text)
    words = re.findall(r"""(?:[^\s"']|"[^"]*"|'[^']*'|["'])+""", re.sub(r"\s*=\s*", "=", text))
    first = re.fullmatch(r"(-{0,2}\w[\w-]*)(\s*=\s*|\s+|$)(.*)", text, re.DOTALL)
    several = len(words) > 1 and all(_assigns(word) for word in words)
    if first is not None and first[1].lstrip("-") in _TEXTS and not (first[1].lstrip("-") == "stop" and several):
        name = setting(first[1])
        if name == "system" and not first[3]:
            raise ArgumentError("system: expected a text; /show system shows the one that there is")
        return {name: parsed(name, first[3])}
    if len(words) == 2 and "=" not in "".join(words):
        words = ["=".join(words)]
    made: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = setting(name)
        if not value:
            raise ArgumentError(f"{name}: expected a value, {'found none' if equals else f'as in /set {name} …'}")
        made[name] = parsed(name, value)
    return made


def _assigns(word: str) -> bool:
    name, equals, _ = word.lstrip("-").replace("-", "_").partition("=")
    return bool(equals) and name in SETTINGS


def from_value(name: str, value: object) -> Any:
    """A value of a file, which has a type of its own; ArgumentError says what was expected."""
    if name == "stop":
        texts = value if isinstance(value, list) else [value]
        if texts and all(isinstance(text, str) and text for text in texts):
            return texts
        expected = "a text or a list of texts, none empty"
    elif name == "system":
        if isinstance(value, str):
            return value
        expected = "a text"
    elif SETTINGS[name][0] is switch:
        if isinstance(value, bool):
            return value
        expected = "true or false"
    else:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return parsed(name, repr(value))
        expected = "a number"
    raise ArgumentError(f"{name} = {value!r:.60}: expected {expected}")


def changed(parameters: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Generation parameters after these changes, one after another.

    Setting a parameter of sampling switches sampling on; switching it off unsets those parameters.
    """
    made = dict(parameters)
    for name, value in changes.items():
        if name == "greedy":
            name, value = "do_sample", False if value else None
        key = "stop_strings" if name == "stop" else name
        made.pop(key, None)
        if value is not None:
            made[key] = value
        if key == "do_sample" and value is False:
            made = {other: kept for other, kept in made.items() if other not in SAMPLING}
        elif key in SAMPLING and value is not None:
            made["do_sample"] = True
        elif key in SAMPLING and made.get("do_sample") and not made.keys() & set(SAMPLING):
            del made["do_sample"]
    return made


def consequences(before: Mapping[str, Any], after: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Notes about other parameters that a change has set or unset."""
    unset = [name for name in before if name in SAMPLING and name not in after and name not in given]
    notes = [f"{', '.join(unset)} unset, since the answers are greedy"] if unset else []
    requested = {"do_sample", "greedy"} & given.keys()
    if before.get("do_sample") is False and after.get("do_sample") and not requested:
        notes.append("no longer greedy")
    return notes


def typed(value: object) -> str:
    """A value as it is typed; an empty text for None."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        escaped = [item.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") for item in value]
        return " ".join(f"'{item}'" if '"' in item else f'"{item}"' for item in escaped)
    return "" if value is None else str(value)
