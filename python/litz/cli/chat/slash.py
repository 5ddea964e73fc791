"""Runs the commands inside a conversation, such as /help and /undo; `commands.py` lists them."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from litz.cli.chat import conversation as conversations
from litz.cli.chat import settings
from litz.cli.chat.attachment import Attachment, read_attachment, split_path, unquoted
from litz.cli.chat.commands import COMMANDS, TOPICS, Command, names
from litz.cli.chat.conversation import Conversation, short
from litz.cli.chat.information import information, tokens_used
from litz.cli.chat.reasoning import SWITCHES
from litz.errors import ArgumentError
from litz.nearest import nearest

if TYPE_CHECKING:
    from litz.cli.chat.dialogue import Chat

__all__ = ["COMMANDS", "Command", "Slash"]


class Slash:
    """Runs the commands of one conversation, and holds the files for its next message."""

    def __init__(self, chat: "Chat", released: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._chat = chat
        self._released = released  # a block in which another program has the terminal
        self._say = chat.console.note
        self._files: list[Attachment] = []
        self._taken = ""  # the message that was undone last

    def run(self, line: str) -> bool:
        """Run one command; False to leave the conversation."""
        name, argument = [*line.split(maxsplit=1), ""][:2]
        command, argument = names().get(name), argument.strip()
        if command is None:
            raise ArgumentError(_unknown(name))
        if argument and not command.arguments:
            raise ArgumentError(f"{name} takes nothing after it, found {short(argument)!r}")
        if command.name == "/exit":
            return False
        getattr(self, f"_{command.name[1:]}")(argument)
        return True

    def send(self, text: str) -> bool:
        """Answers a message, preceded by the pending files; on a failure they can be sent again."""
        before, self._taken = len(self._chat.conversation.turns), text
        said = self._chat.say("\n\n".join([*(file.block() for file in self._files), text]))
        if len(self._chat.conversation.turns) > before:
            self._files, self._taken = [], ""
        return said

    def _help(self, _: str) -> None:
        entries = {f"{command.name} {command.arguments}".strip(): command.help for command in COMMANDS.values()}
        width = max(map(len, entries))
        self._say("\n".join(f"{entry:<{width}}  {text}" for entry, text in entries.items()))
        self._say('A line that ends with \\ goes on; """ opens and closes a block; // begins a message with a slash.')
        self._say("Keys: Alt-Enter begins a new line, Tab completes, Ctrl-R searches what was typed before.")

    def _set(self, text: str) -> None:
        if text:
            self._change(text)
            return
        now = {**self._chat.engine.parameters}
        now["stop"], now["greedy"] = now.pop("stop_strings", None), now.get("do_sample") is False or None
        variables = self._chat.engine.template_variables
        now["think"] = next((variables[name] for name in SWITCHES if name in variables), None)
        now["system"] = short(self._chat.conversation.system, 20) or None
        width = max(map(len, settings.SETTINGS))
        shown = [(name, settings.typed(now.get(name)) or "-", text) for name, (_, text) in settings.SETTINGS.items()]
        self._say("\n".join(f"{name:<{width}}  {value:<8}  {text}" for name, value, text in shown))

    def _params(self, text: str) -> None:
        if text:
            self._change(text)
        self._say(self._chat.engine.explanation())

    def _change(self, text: str) -> None:
        """Set what a line says, all of it or nothing."""
        engine, conversation = self._chat.engine, self._chat.conversation
        given = settings.assignments(text)
        if "think" in given:
            self._chat.think(given["think"])
        before = engine.parameters
        engine.parameters = settings.changed(before, {n: v for n, v in given.items() if n not in settings.APART})
        if "system" in given:
            conversation.system = "" if given["system"] in (None, "none") else given["system"]
        shown = [f"{name} = {settings.typed(value) or 'default'}" for name, value in given.items()]
        shown += settings.consequences(before, engine.parameters, given)
        if given.get("seed") is not None and not engine.samples():
            shown.append("the answers are greedy: a seed changes nothing")
        self._say(f"({'; '.join(shown)})")

    def _show(self, topic: str) -> None:
        if topic == "info":
            self._say(information(self._chat))
        elif topic == "template":
            self._say(self._chat.engine.tokenizer.get_chat_template())
        elif topic == "parameters":
            self._say(self._chat.engine.explanation())
        elif topic == "system":
            self._say(self._chat.conversation.system or "(no system prompt)")
        else:
            near = nearest(topic, TOPICS)
            hint = f"did you mean /show {near}?" if near else f"expected one of {', '.join(TOPICS)}"
            raise ArgumentError(f"/show {short(topic)}: {hint}" if topic else f"/show what? {hint}")

    def _system(self, text: str) -> None:
        conversation = self._chat.conversation
        if text:
            conversation.system = "" if text == "none" else settings.unquoted(text)
        self._say(f"system: {conversation.system or '(none)'}")

    def _file(self, argument: str) -> None:
        name, question = split_path(argument)
        if not name:
            waiting = ", ".join(file.name for file in self._files)
            self._say(f"(for the next message: {waiting})" if waiting else "(no file waits; /file PATH adds one)")
            return
        if argument == "none":
            self._files = []
            self._say("(no file waits)")
            return
        engine = self._chat.engine
        count = [len(engine.tokenizer.encode(file.block())) for file in self._files]
        room = max(engine.context - tokens_used(self._chat) - sum(count) - 1, 0)
        file = read_attachment(Path(name).expanduser(), room)
        tokens = len(engine.tokenizer.encode(file.block()))
        if tokens >= room:
            raise ArgumentError(
                f"{file.name} is {tokens:,} tokens long, and {room:,} of the context's {engine.context:,} are left"
            )
        waited = list(self._files)
        self._files.append(file)
        if not question:
            self._say(f"({file.name}: {tokens:,} of {room:,} tokens left; it goes into your next message)")
            return
        try:
            self.send(question)
        except BaseException:
            self._files = waited
            raise

    def _edit(self, text: str) -> None:
        from litz.cli.chat.editor import edited

        with self._released():
            written = edited(text or self._taken or self._chat.conversation.last("user") or "")
        if written is None:
            self._say("(nothing was changed, so nothing was sent)")
            return
        self._say(
            "\n".join(f"... {line}" if number else f">>> {line}" for number, line in enumerate(written.split("\n")))
        )
        self.send(written)

    def _copy(self, _: str) -> None:
        from litz.cli.chat.clipboard import copy, terminal_stream

        answer = self._chat.conversation.last("assistant")
        if not answer:
            raise ArgumentError("there is no answer to copy")
        way = copy(answer, terminal_stream())
        self._say(f"({len(answer):,} characters copied {way})")

    def _reset(self, _: str) -> None:
        self._chat.conversation = Conversation(self._chat.conversation.system)
        self._files, self._taken = [], ""
        self._say("(a new conversation)")

    def _clear(self, _: str) -> None:
        screen = next((stream for stream in (sys.stdout, sys.stderr) if stream.isatty()), None)
        if screen is not None and os.environ.get("TERM") != "dumb":
            screen.write("\033[H\033[2J")  # the scrollback stays
            screen.flush()
        self._reset("")

    def _undo(self, _: str) -> None:
        text = self._chat.conversation.undo()
        self._taken = text or ""
        self._say("(nothing to take back)" if text is None else f"(taken back: {short(text)})")

    def _retry(self, _: str) -> None:
        chat = self._chat
        taken = chat.conversation.turns[-1:]
        if not taken:
            raise ArgumentError("there is no answer to give anew")
        answered = chat.conversation.take_answer()
        turns = list(chat.conversation.turns)
        if answered and (not chat.engine.samples() or "seed" in chat.engine.parameters):
            self._say("(greedy or seeded: other parameters give another answer; try /set temperature 0.8)")
        try:
            chat.answer()
        except BaseException:
            chat.conversation.turns[:] = [*turns, *(taken if answered else [])]
            raise

    def _save(self, name: str) -> None:
        path = _path(name, "save")
        self._chat.conversation.save(path, self._chat.model)
        self._say(f"(saved to {path})")

    def _load(self, name: str) -> None:
        loaded, model = conversations.with_model(_path(name, "load"))
        self._chat.conversation = loaded
        self._files, self._taken = [], ""
        self._say(loaded.ending())
        if model and model != self._chat.model:
            self._say(f"(it was held with {model})")


def _unknown(name: str) -> str:
    known = [known for known in names() if known != "/?"]
    near = nearest(name.lower(), known)
    if near:
        return f"no command {short(name)}; did you mean {near}? (// begins a message with a slash)"
    return f"no command {short(name)}; there are {', '.join(COMMANDS)} (// begins a message with a slash)"


def _path(name: str, command: str) -> Path:
    if not name:
        raise ArgumentError(f"/{command} needs the name of a file")
    return Path(unquoted(name)).expanduser()
