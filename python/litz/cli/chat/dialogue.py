"""A conversation with an engine on a console: messages in, answers out."""

import sys
from collections.abc import Callable

from litz.cli.chat.conversation import Conversation
from litz.cli.chat.reader import Reader
from litz.cli.chat.remarks import ending
from litz.cli.chat.slash import Slash
from litz.cli.command import UsageError
from litz.cli.console import Console
from litz.cli.engine import Engine
from litz.errors import ContextError, LitzError


class Chat:
    """A conversation with an engine on a console."""

    def __init__(
        self, engine: Engine, conversation: Conversation, console: Console, *, model: str, stats: bool = False
    ) -> None:
        self.engine = engine
        self.conversation = conversation
        self.console = console
        self.model = model
        self.stats = stats
        self.replace: Callable[[str], Engine] | None = None  # where nobody chose the model: another in its place
        self._talking = False

    def say(self, text: str) -> bool:
        """Answer a message; False if the answer was interrupted. On an error the message is taken back."""
        self._suit(text)
        self.conversation.add("user", text)
        try:
            return self.answer()
        except ContextError as error:
            self.conversation.undo()
            if not self.conversation.turns:
                raise
            raise ContextError(
                f"{error}; nothing was dropped, and your message was not added: /undo takes back a turn, /reset all"
            ) from error
        except BaseException:
            self.conversation.undo()
            raise

    def answer(self) -> bool:
        """Answer the last user turn. What an interruption leaves is kept; if it is nothing, the turn is taken back."""
        pieces: list[str] = []
        whole = True
        try:
            for piece in self.engine.chat(self.conversation.messages()):
                pieces.append(piece)
                self.console.write(piece)
        except KeyboardInterrupt:
            whole = False
        self.console.end()
        if pieces or whole:
            self.conversation.add("assistant", "".join(pieces))
        else:
            self.conversation.undo()
        self._remarks(whole=whole, kept=bool(pieces))
        return whole

    def _remarks(self, *, whole: bool, kept: bool) -> None:
        if not whole:
            self.console.note("(stopped)" if kept else "(stopped; your message was taken back)")
        elif remark := ending(self.engine, talking=self._talking, watched=self.console.watched):
            self.console.note(remark)
        if self.stats:
            self.console.note(str(self.engine.stats))

    def _begin(self) -> None:
        self._talking = True
        self.console.note(f"{self.model}: /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves")

    def _suit(self, text: str) -> None:
        """Before the first question in Chinese: the model that is made for it, or the advice to take it."""
        if self.replace is None or text.isascii():
            return
        from litz.cli.chat.languages import suited

        source, remark = suited(text)
        if remark:
            self.console.note(remark)
            replace, self.replace = self.replace, None
            if source is not None:
                self.engine, self.model = replace(source), source

    def converse(self, reader: Reader) -> int:
        """Read and answer until the end; the exit code. Ctrl-C at the prompt warns once, then leaves."""
        self._begin()
        slash = Slash(self)
        warned = False
        while True:
            try:
                text = reader.read()
            except KeyboardInterrupt:
                print(file=sys.stderr)
                if warned:
                    return 130
                warned = True
                self.console.note("(once more, or Ctrl-D, leaves)")
                continue
            warned = False
            if text is None:
                print(file=sys.stderr)
                return 0
            if text.strip() and not self._react(text, slash):
                return 0

    def _react(self, text: str, slash: Slash) -> bool:
        """Do what a message or command asks; False to leave. An error ends the turn, not the conversation."""
        from litz.cli.command import explain

        try:
            if text.startswith("/") and not text.startswith("//"):
                return slash.run(text)
            self.say(text.removeprefix("/") if text.startswith("//") else text)
        except (LitzError, OSError, UsageError) as error:
            self.console.note(explain(error) if not isinstance(error, UsageError) else str(error))
        except KeyboardInterrupt:  # between two tokens of nothing: reading files, rendering the template
            self.console.note("(stopped)")
        return True
