"""The log of conversations in SQLite: several processes may write at once; a damaged file is left as it is."""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from litz.cli.engine import Message
from litz.errors import ArgumentError, FileAccessError, FormatError, LitzError

TIMEOUT = 10.0  # seconds that another process may write before this one gives up
_APPLICATION = 0x6C69747A
# The statements that lead from schema version N to N + 1; a version that was released is never changed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL, started TEXT NOT NULL,
            updated TEXT NOT NULL, model TEXT NOT NULL, system TEXT NOT NULL, parameters TEXT NOT NULL)""",
        """CREATE TABLE messages (
            conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, place INTEGER NOT NULL,
            role TEXT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL, at TEXT NOT NULL,
            PRIMARY KEY (conversation, place))""",
    ),
)


Turn = tuple[str, str, str]  # role, content, reasoning


@dataclass(frozen=True)
class Snapshot:
    """What a conversation is at one moment."""

    model: str
    system: str
    parameters: str  # JSON
    turns: tuple[Turn, ...]

    @classmethod
    def of(cls, model: str, system: str, turns: Sequence[Message], *, parameters: Mapping[str, Any]) -> "Snapshot":
        """A copy that later turns do not change."""
        values = json.dumps(dict(parameters), ensure_ascii=False, sort_keys=True)
        copies = [(turn["role"], turn["content"], turn.get("reasoning_content", "")) for turn in turns]
        return cls(model, system, values, tuple(copies))

    def messages(self, *, system: bool = True) -> list[Message]:
        """The turns as chat templates take them, after the system prompt or without it."""
        first: list[Message] = [{"role": "system", "content": self.system}] if system and self.system else []
        for role, content, reasoning in self.turns:
            first.append({"role": role, "content": content} | ({"reasoning_content": reasoning} if reasoning else {}))
        return first


@dataclass(frozen=True)
class Place:
    """The row of a conversation in the log, and its revision when it was last written."""

    id: int
    revision: int


@dataclass(frozen=True)
class Entry:
    """A logged conversation."""

    place: Place
    started: str
    updated: str
    snapshot: Snapshot


@dataclass(frozen=True)
class Line:
    """A logged conversation in a list: how it began, or where the words were found."""

    id: int
    updated: str
    model: str
    messages: int
    text: str


class LogFile:
    """Conversations in one file. Every method opens it, works in one transaction and closes it.

    Raises FormatError if the file is damaged, foreign or newer than this litz, and FileAccessError if it cannot be
    read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, snapshot: Snapshot, place: Place | None = None) -> Place | None:
        """Write a conversation as it is now; `place` is where it was kept before.

        Where another process has continued that one or removed it, this becomes a conversation of its own. One
        without turns is none: it is removed, and so is its place.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction(writes=True) as database:
            if place is not None and not _claimed(database, snapshot, place, now):
                place = None
            if not snapshot.turns:
                if place is not None:
                    database.execute("DELETE FROM conversations WHERE id = ?", (place.id,))
                return None
            place = _inserted(database, snapshot, now) if place is None else Place(place.id, place.revision + 1)
            _write_turns(database, place.id, snapshot.turns, now)
        return place

    def entry(self, number: int | None = None) -> Entry:
        """One conversation, or the one that was written last; ArgumentError if there is none."""
        with self._transaction() as database:
            where = "WHERE id = ?" if number is not None else "ORDER BY updated DESC, id DESC LIMIT 1"
            row = database.execute(
                f"SELECT id, revision, started, updated, model, system, parameters FROM conversations {where}",
                () if number is None else (number,),
            ).fetchone()
            if row is None:
                raise ArgumentError(_missing([number]) if number is not None else "no conversation is logged yet")
            turns = _turns(database, row[0])
        return Entry(Place(row[0], row[1]), row[2], row[3], Snapshot(row[4], row[5], row[6], turns))

    def lines(self, limit: int | None = None) -> list[Line]:
        """The conversations, the latest first, each with its first message."""
        with self._transaction() as database:
            rows = database.execute(
                f"{_LINES}, (SELECT content FROM messages WHERE conversation = c.id AND role = 'user' ORDER BY place"
                " LIMIT 1) FROM conversations c ORDER BY c.updated DESC, c.id DESC LIMIT ?",
                (-1 if limit is None else limit,),
            ).fetchall()
        return [Line(number, updated, model, count, text or "") for number, updated, model, count, text in rows]

    def search(self, words: Sequence[str], limit: int | None = None) -> list[Line]:
        """Conversations that hold every word, in any message or the system prompt, whatever its case; latest first.

        A word is any run of characters, so that Chinese is found too. Every text is read: 0.2 s for 40,000 messages,
        where an index of three-letter parts takes five times the space and misses words of two.
        """
        folded = [word.casefold() for word in words]
        held = "(instr(folded(c.system), ?) OR EXISTS (SELECT 1 FROM messages WHERE conversation = c.id"
        held += " AND instr(folded(content), ?)))"
        first = "(SELECT content FROM messages WHERE conversation = c.id AND instr(folded(content), ?)"
        first += " ORDER BY place LIMIT 1)"
        with self._transaction() as database:
            database.create_function("folded", 1, str.casefold, deterministic=True)
            rows = database.execute(
                f"{_LINES}, coalesce({first}, c.system) FROM conversations c"
                f" WHERE {' AND '.join([held] * len(folded))} ORDER BY c.updated DESC, c.id DESC LIMIT ?",
                (folded[0], *(word for word in folded for _ in range(2)), -1 if limit is None else limit),
            ).fetchall()
        return [Line(*row) for row in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Delete conversations and overwrite what they held; ArgumentError names those that are not there."""
        with self._transaction(writes=True) as database:
            marks = ", ".join("?" * len(numbers))
            known = {row[0] for row in database.execute(f"SELECT id FROM conversations WHERE id IN ({marks})", numbers)}
            missing = [number for number in numbers if number not in known]
            if missing:
                raise ArgumentError(f"{_missing(missing)}; nothing was removed")
            database.executemany("DELETE FROM conversations WHERE id = ?", [(number,) for number in known])

    def check(self) -> int:
        """Read the whole file; the number of conversations. FormatError if it is damaged."""
        with self._transaction() as database:
            found = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise self._damaged("; ".join(found))
            return int(database.execute("SELECT count(*) FROM conversations").fetchone()[0])

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing; the file is made, or brought to this schema, where that is needed."""
        try:
            if writes:
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # before SQLite makes it readable for all
            elif not self.path.exists():
                raise ArgumentError("no conversation is logged yet; `litz log status` says whether litz logs")
            with closing(sqlite3.connect(self.path, timeout=TIMEOUT, isolation_level=None)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                database.execute("PRAGMA secure_delete = ON")  # turns that are undone or removed are overwritten
                self._migrate(database)
                database.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield database
                except BaseException:
                    database.execute("ROLLBACK")
                    raise
                database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _migrate(self, database: sqlite3.Connection) -> None:
        if self._version(database) == len(MIGRATIONS):
            return
        database.execute("BEGIN IMMEDIATE")  # and check again: another process may have done it meanwhile
        version = self._version(database)
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        database.execute("COMMIT")

    def _version(self, database: sqlite3.Connection) -> int:
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        application = int(database.execute("PRAGMA application_id").fetchone()[0])
        empty = not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application != _APPLICATION and not empty:
            raise FormatError(f"{self.path} is a database of another program; move it away, and a log begins there")
        if version > len(MIGRATIONS):
            raise FormatError(
                f"{self.path} was written by a newer litz (schema {version}, this one has {len(MIGRATIONS)}): "
                "update litz, or move the file away"
            )
        return version

    def _explained(self, error: sqlite3.Error) -> LitzError:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return self._damaged(str(error))
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return FileAccessError(f"{self.path}: another process has been writing for {TIMEOUT:.0f} s; try again")
        return FileAccessError(f"{self.path}: {error}")

    def _damaged(self, found: str) -> FormatError:
        return FormatError(
            f"{self.path} is damaged ({found}); it was left as it is: move it away, and litz begins a new one"
        )


_LINES = "SELECT c.id, c.updated, c.model, (SELECT count(*) FROM messages WHERE conversation = c.id)"


def _claimed(database: sqlite3.Connection, snapshot: Snapshot, place: Place, now: str) -> bool:
    """Write over a conversation; False if it is not as it was left."""
    changed = database.execute(
        "UPDATE conversations SET revision = revision + 1, updated = ?, model = ?, system = ?, parameters = ?"
        " WHERE id = ? AND revision = ?",
        (now, snapshot.model, snapshot.system, snapshot.parameters, place.id, place.revision),
    )
    return changed.rowcount == 1


def _inserted(database: sqlite3.Connection, snapshot: Snapshot, now: str) -> Place:
    made = database.execute(
        "INSERT INTO conversations (revision, started, updated, model, system, parameters) VALUES (1, ?, ?, ?, ?, ?)",
        (now, now, snapshot.model, snapshot.system, snapshot.parameters),
    )
    assert made.lastrowid is not None
    return Place(made.lastrowid, 1)


def _turns(database: sqlite3.Connection, number: int) -> tuple[Turn, ...]:
    rows = database.execute(
        "SELECT role, content, reasoning FROM messages WHERE conversation = ? ORDER BY place", (number,)
    )
    return tuple((role, content, reasoning) for role, content, reasoning in rows)


def _write_turns(database: sqlite3.Connection, number: int, turns: Sequence[Turn], now: str) -> None:
    """Keep the rows of turns that are as they were, with their time; replace the others."""
    old = _turns(database, number)
    same = next((place for place, pair in enumerate(zip(old, turns, strict=False)) if pair[0] != pair[1]), len(old))
    same = min(same, len(turns))
    database.execute("DELETE FROM messages WHERE conversation = ? AND place >= ?", (number, same))
    database.executemany(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)",
        [(number, place, *turn, now) for place, turn in enumerate(turns) if place >= same],
    )


def _missing(numbers: Sequence[int | None]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"no conversation {listed} in the log; `litz log list` lists them"
