"""A conversation as data: turns that can be undone, saved and loaded."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from litz.atomic_files import AtomicFile
from litz.cli.chat.message_files import read_messages
from litz.cli.engine import Message


@dataclass
class Conversation:
    """A system prompt and the turns so far, user and assistant alternating."""

    system: str = ""
    turns: list[Message] = field(default_factory=list)

    def messages(self) -> list[Message]:
        """All of it, as chat templates take it."""
        first = [{"role": "system", "content": self.system}] if self.system else []
        return [*first, *self.turns]

    def add(self, role: str, content: str) -> None:
        """Append a turn."""
        self.turns.append({"role": role, "content": content})

    def undo(self) -> str | None:
        """Removes the last user turn and what followed; its text, or None if there is none."""
        while self.turns:
            turn = self.turns.pop()
            if turn["role"] == "user":
                return turn["content"]
        return None

    def take_answer(self) -> bool:
        """Drop the last answer, so that it can be given anew; False if there is none."""
        if not self.turns or self.turns[-1]["role"] != "assistant":
            return False
        self.turns.pop()
        return True

    def last(self, role: str) -> str | None:
        """The latest turn of a role, or None."""
        return next((turn["content"] for turn in reversed(self.turns) if turn["role"] == role), None)

    def ending(self, count: int = 4) -> str:
        """How long it is and how it ended, shortened: for whoever continues it."""
        said = "message" if len(self.turns) == 1 else "messages"
        shown = [f"({len(self.turns)} {said}{', the last of them:' if len(self.turns) > count else ''})"]
        shown += [
            f"{'>>> ' if turn['role'] == 'user' else ''}{short(turn['content'], 300)}" for turn in self.turns[-count:]
        ]
        if self.turns and self.turns[-1]["role"] == "user":
            shown.append("(without an answer yet: /retry asks for it)")
        return "\n".join(shown)

    def save(self, path: Path, model: str) -> None:
        """Writes it as JSON that only its owner can read; a file of another kind is not overwritten."""
        if path.exists():
            read_messages(path)
        content = json.dumps({"model": model, "messages": self.messages()}, ensure_ascii=False, indent=1)
        with AtomicFile(path, mode=0o600) as file:
            file.write(content.encode() + b"\n")


def load(path: Path) -> Conversation:
    """A conversation that was saved."""
    return with_model(path)[0]


def with_model(path: Path) -> tuple[Conversation, str]:
    """A conversation that was saved, and the model that answered in it, if the file says so."""
    messages, model = read_messages(path)
    first = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    return Conversation(first, messages[1:] if first else messages), model


def short(text: str, length: int = 60) -> str:
    """A text as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
