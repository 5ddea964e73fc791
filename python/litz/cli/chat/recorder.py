"""Writes a conversation to the log while it goes on."""

import os
from typing import TYPE_CHECKING

from litz.cli.command import explain
from litz.cli.log.database import LogFile, Place, Snapshot
from litz.errors import LitzError

if TYPE_CHECKING:
    from litz.cli.chat.conversation import Conversation
    from litz.cli.chat.dialogue import Chat


class Recorder:
    """Writes what changed since the last time; a new conversation is another entry.

    An error of the log does not end the conversation: it is reported once, and nothing more is written.
    """

    def __init__(self, log: LogFile, place: Place | None = None) -> None:
        self._log: LogFile | None = log
        self._place = place
        self._conversation: Conversation | None = None
        self._written: Snapshot | None = None

    @property
    def number(self) -> int | None:
        """The conversation's number in the log; None if it is not there."""
        return self._place.id if self._log is not None and self._place is not None else None

    def keep(self, chat: "Chat") -> None:
        """Updates the log."""
        if self._conversation is not None and self._conversation is not chat.conversation:
            self._place = self._written = None
        self._conversation = chat.conversation
        now = Snapshot.of(
            _lasting(chat.model), chat.conversation.system, chat.conversation.turns, parameters=chat.engine.parameters
        )
        if self._log is None or now == self._written or (self._place is None and not now.turns):
            return
        before = self._place
        try:
            self._place = self._log.keep(now, before)
        except (LitzError, OSError) as error:
            self._log = None
            chat.console.note(f"(this conversation is no longer logged: {explain(error)})")
            return
        self._written = now
        if before is not None and self._place is not None and before.id != self._place.id:
            chat.console.note(f"(logged as conversation {self._place.id}: another litz changed {before.id} meanwhile)")


def _lasting(model: str) -> str:
    """A model's name that means the same in every folder."""
    return os.path.abspath(model) if os.path.exists(model) else model
