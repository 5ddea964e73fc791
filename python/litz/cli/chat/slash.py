"""The commands inside a conversation: /help, /undo and their kin."""

from pathlib import Path
from typing import TYPE_CHECKING

from litz.cli.chat import conversation as conversations
from litz.cli.chat.commands import COMMANDS, names
from litz.cli.options import PARSERS, with_sampling
from litz.errors import ArgumentError

if TYPE_CHECKING:
    from litz.cli.chat.dialogue import Chat


class Slash:
    """Runs the commands of one conversation."""

    def __init__(self, chat: "Chat") -> None:
        self._chat = chat
        self._say = chat.console.note

    def run(self, line: str) -> bool:
        """Run one command; False to leave the conversation."""
        name, _, argument = line.strip().partition(" ")
        command = names().get(name)
        if command is None or not hasattr(self, f"_{command.name[1:]}"):
            raise ArgumentError(f"no command {name}; there are {', '.join(COMMANDS)}")
        if command.name == "/exit":
            return False
        getattr(self, f"_{command.name[1:]}")(argument.strip())
        return True

    def _exit(self, _: str) -> None:
        """`run` has left already."""

    def _help(self, _: str) -> None:
        entries = {f"{command.name} {command.arguments}".strip(): command.help for command in COMMANDS.values()}
        width = max(map(len, entries))
        self._say("\n".join(f"{entry:<{width}}  {text}" for entry, text in entries.items()))
        self._say('A line that ends with \\ goes on; """ opens and closes a block; // begins a message with a slash.')

    def _system(self, text: str) -> None:
        conversation = self._chat.conversation
        if text:
            conversation.system = "" if text == "none" else text
        self._say(f"system: {conversation.system or '(none)'}")

    def _reset(self, _: str) -> None:
        self._chat.conversation.turns.clear()
        self._say("(a new conversation)")

    def _undo(self, _: str) -> None:
        text = self._chat.conversation.undo()
        self._say("(nothing to take back)" if text is None else f"(taken back: {_short(text)})")

    def _retry(self, _: str) -> None:
        chat = self._chat
        taken = chat.conversation.turns[-1:]
        if not chat.conversation.take_answer():
            raise ArgumentError("there is no answer to give anew")
        turns = list(chat.conversation.turns)
        if not chat.engine.samples() or "seed" in chat.engine.parameters:
            self._say("(greedy or seeded: other parameters give another answer; try /params temperature=0.8)")
        try:
            chat.answer()
        except BaseException:
            chat.conversation.turns[:] = [*turns, *taken]
            raise

    def _save(self, name: str) -> None:
        path = _path(name, "save")
        self._chat.conversation.save(path, self._chat.model)
        self._say(f"(saved to {path})")

    def _load(self, name: str) -> None:
        loaded = conversations.load(_path(name, "load"))
        self._chat.conversation.system, self._chat.conversation.turns = loaded.system, loaded.turns
        self._say(f"(loaded: {len(loaded.turns)} messages)")

    def _params(self, text: str) -> None:
        engine = self._chat.engine
        given = {name: value for name, value in engine.parameters.items() if name != "do_sample"}
        for word in text.split():
            name, equals, value = word.replace("-", "_", 1 if word.startswith("-") else 0).partition("=")
            name = name.strip("_").replace("-", "_")
            if not equals or name not in PARSERS:
                raise ArgumentError(f"{word!r}: expected NAME=VALUE with NAME one of {', '.join(PARSERS)}")
            given.pop(name, None)
            if value != "default":
                given[name] = _parsed(name, value)
        if text:
            engine.parameters = with_sampling(given, greedy=False)
        self._say(engine.explanation())


def _parsed(name: str, text: str) -> object:
    import argparse

    try:
        return PARSERS[name][0](text)
    except argparse.ArgumentTypeError as error:
        raise ArgumentError(f"{name}: {error}") from error


def _path(name: str, command: str) -> Path:
    if not name:
        raise ArgumentError(f"/{command} needs the name of a file")
    return Path(name).expanduser()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
