"""A conversation as data: turns that can be taken back, saved and loaded."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from litz.cli.engine import Message
from litz.errors import ArgumentError, FormatError


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
        """Take back the last user turn and what followed; its text, or None if there is none."""
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

    def save(self, path: Path, model: str) -> None:
        """Write it as JSON; a file that is something else is not overwritten."""
        if path.exists():
            _read(path)
        content = json.dumps({"model": model, "messages": self.messages()}, ensure_ascii=False, indent=1)
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        scratch.write_text(content + "\n", encoding="utf-8")
        scratch.replace(path)


def load(path: Path) -> Conversation:
    """A conversation that was saved."""
    messages = _read(path)
    first = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    return Conversation(first, messages[1:] if first else messages)


def _read(path: Path) -> list[Message]:
    expected = "expected a JSON object with 'messages', each with a role and a content"
    if not path.is_file():
        raise ArgumentError(f"no file {str(path)!r}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path} is no saved conversation: {expected}") from error
    messages = content.get("messages") if isinstance(content, dict) else None
    if not isinstance(messages, list):
        raise FormatError(f"{path} is no saved conversation: {expected}")
    for message in messages:
        fits = isinstance(message, dict) and message.get("role") in ("system", "user", "assistant")
        if not fits or not isinstance(message.get("content"), str):
            raise FormatError(f"{path} is no saved conversation: {expected}")
    return [{"role": message["role"], "content": message["content"]} for message in messages]
