"""The log on a terminal: its state, lists of conversations, and one conversation as Markdown or JSON."""

import json
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from litz.cli.log import places
from litz.cli.terminal.console import clean

if TYPE_CHECKING:
    from litz.cli.log.database import Entry, Line, LogFile


def print_status(log: "LogFile") -> None:
    """Print whether litz logs, and the file with its size and how many conversations it holds."""
    from litz.hub.progress import size

    print(f"logging {'on' if places.is_on() else 'off (`litz log on` switches it on)'}")
    if not log.path.exists():
        print(f"file    {log.path}, not there yet")
        return
    print(f"file    {log.path}, {size(log.path.stat().st_size)}")
    print(f"holds   {log.check()} conversations, undamaged")


def print_lines(lines: "list[Line]", words: list[str]) -> None:
    """Print a line for each conversation; `words` are what was searched for, or nothing."""
    if not lines:
        print(f"no conversation holds {' and '.join(map(repr, words))}" if words else "none yet", file=sys.stderr)
    for line in lines:
        count = f"{line.messages} message{'s' if line.messages != 1 else ''}"
        model = line.model.rpartition("/")[2]
        text = _excerpt(line.text, words[0] if words else "")
        print(clean(f"{line.id:>5}  {_local(line.updated)}  {count:>12}  {text}  [{model}]"))


def _excerpt(text: str, word: str, length: int = 60) -> str:
    """One line of a text: its beginning, or what is around a word."""
    line = " ".join(text.split())
    place = line.casefold().find(" ".join(word.casefold().split()))
    start = max(0, place - length // 3) if place + len(word) > length else 0
    cut = line[start : start + length]
    return f"{'…' if start else ''}{cut}{'…' if start + length < len(line) else ''}"


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def as_markdown(entry: "Entry") -> str:
    """A conversation for people, without control characters."""
    snapshot = entry.snapshot
    parts = [f"# Conversation {entry.place.id}, {_local(entry.started)}", f"Model: {snapshot.model}"]
    if snapshot.parameters != "{}":
        parts.append(f"Parameters: {snapshot.parameters}")
    for message in snapshot.messages():
        parts.append(f"## {message['role'].capitalize()}")
        if reasoning := message.get("reasoning_content", "").strip():
            parts.append("\n".join(f"> {line}".rstrip() for line in reasoning.splitlines()))
        parts.append(message["content"].strip("\n"))
    return clean("\n\n".join(parts))


def as_json(entry: "Entry") -> str:
    """A conversation as `litz chat --resume` and /load take it; C1 control characters are escaped too."""
    snapshot = entry.snapshot
    content = {
        "id": entry.place.id,
        "started": entry.started,
        "updated": entry.updated,
        "model": snapshot.model,
        "parameters": json.loads(snapshot.parameters),
        "messages": snapshot.messages(),
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text)
