"""The commands inside a conversation as a table: what each takes, what it does, and what completes after it."""

from dataclasses import dataclass
from typing import Literal

Completion = Literal["path", "parameter", "topic"]
TOPICS = ("info", "parameters", "system", "template")


@dataclass(frozen=True)
class Command:
    """One command: its name with the slash, its arguments as help shows them, what it does, what it completes."""

    name: str
    arguments: str
    help: str
    completes: Completion | None = None
    aliases: tuple[str, ...] = ()


_TABLE = (
    Command("/help", "", "this list", aliases=("/?",)),
    Command("/set", "[NAME VALUE]", "set a parameter (`default` unsets it), or list them", "parameter"),
    Command("/params", "[NAME=VALUE ...]", "show or set generation parameters", "parameter"),
    Command("/show", "TOPIC", "show info, parameters, system or template", "topic"),
    Command("/system", "[TEXT]", "show or set the system prompt; `none` removes it"),
    Command("/file", "[PATH [QUESTION]]", "ask about a text file, or keep it for the next message", "path"),
    Command("/edit", "[TEXT]", "write a message in $VISUAL or $EDITOR"),
    Command("/copy", "", "copy the last answer to the clipboard"),
    Command("/retry", "", "answer the last message anew"),
    Command("/undo", "", "take back your last message and its answer"),
    Command("/reset", "", "forget the conversation, keep the system prompt"),
    Command("/clear", "", "/reset, and clear the screen"),
    Command("/save", "FILE", "write the conversation as JSON", "path"),
    Command("/load", "FILE", "go on with a saved conversation or a list of messages", "path"),
    Command("/exit", "", "leave (also Ctrl-D)", aliases=("/quit", "/bye")),
)

COMMANDS: dict[str, Command] = {command.name: command for command in _TABLE}


def names() -> dict[str, Command]:
    """Every name that is understood, aliases too."""
    return {name: command for command in _TABLE for name in (command.name, *command.aliases)}
