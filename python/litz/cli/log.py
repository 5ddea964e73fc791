"""`litz log`: conversations that were kept: listed, searched, shown, removed."""

import argparse
import json
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from litz.cli import log_places
from litz.cli.console import clean
from litz.cli.options import number

if TYPE_CHECKING:
    from litz.cli.log_file import Entry, Line, LogFile

_ACTIONS = {
    "on": "log every conversation and every single answer of `litz chat` from now on",
    "off": "log no more; what is logged stays",
    "status": "whether litz logs, where, how much, and whether the file is whole",
    "path": "print the file's name",
    "list": "list the conversations, the latest first",
    "search": "list those that hold every one of some words",
    "show": "print a conversation",
    "rm": "delete conversations",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    parser.epilog = "`litz chat -c [ID]` goes on with a conversation; --log and --no-log decide for one run."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {name: actions.add_parser(name, help=text, description=text) for name, text in _ACTIONS.items()}
    for name in ("list", "search"):
        made[name].add_argument("-n", type=number(int, 1), default=20, metavar="N", help="at most so many (20)")
    made["search"].add_argument("words", nargs="+", metavar="WORD", help="any text, in any language; case is ignored")
    identifier = number(int, 1, 2**63 - 1)
    made["show"].add_argument("id", nargs="?", type=identifier, metavar="ID", help="its number (default: the latest)")
    made["show"].add_argument("--json", action="store_true", help="as `litz chat --resume` and /load take it")
    made["rm"].add_argument("ids", nargs="+", type=identifier, metavar="ID", help="its number")


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    path = log_places.log_path()
    if options.action == "path":
        print(path)
        return 0
    if options.action in ("on", "off"):
        log_places.switch(options.action == "on")
        print(f"litz logs to {path}" if options.action == "on" else f"litz logs no more; {path} stays as it is")
        return 0
    from litz.cli.log_file import LogFile

    log = LogFile(path)
    if options.action == "status":
        _print_status(log)
    elif options.action == "list":
        _print_lines(log.lines(options.n), [])
    elif options.action == "search":
        found = log.search(options.words, options.n)
        _print_lines(found, options.words)
        return 0 if found else 1
    elif options.action == "show":
        entry = log.entry(options.id)
        print(_json(entry) if options.json else clean(_markdown(entry)))
    else:
        log.remove(options.ids)
        print(f"removed {', '.join(map(str, dict.fromkeys(options.ids)))}")
    return 0


def _print_status(log: "LogFile") -> None:
    from litz.hub.progress import size

    print(f"logging {'on' if log_places.is_on() else 'off (`litz log on` switches it on)'}")
    if not log.path.exists():
        print(f"file    {log.path}, not there yet")
        return
    print(f"file    {log.path}, {size(log.path.stat().st_size)}")
    print(f"holds   {log.check()} conversations, undamaged")


def _print_lines(lines: "list[Line]", words: list[str]) -> None:
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


def _markdown(entry: "Entry") -> str:
    snapshot = entry.snapshot
    parts = [f"# Conversation {entry.place.id}, {_local(entry.started)}", f"Model: {snapshot.model}"]
    if snapshot.parameters != "{}":
        parts.append(f"Parameters: {snapshot.parameters}")
    for message in snapshot.messages():
        parts.append(f"## {message['role'].capitalize()}")
        if reasoning := message.get("reasoning_content", "").strip():
            parts.append("\n".join(f"> {line}".rstrip() for line in reasoning.splitlines()))
        parts.append(message["content"].strip("\n"))
    return "\n\n".join(parts)


def _json(entry: "Entry") -> str:
    snapshot = entry.snapshot
    told = {
        "id": entry.place.id,
        "started": entry.started,
        "updated": entry.updated,
        "model": snapshot.model,
        "parameters": json.loads(snapshot.parameters),
        "messages": snapshot.messages(),
    }
    text = json.dumps(told, ensure_ascii=False, indent=1)
    return re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text)
