"""A conversation with an engine on a console: messages in, answers out."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from litz.cli.chat.answer import Answer
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.reader import Reader
from litz.cli.chat.reasoning import opened_by, switch_of
from litz.cli.chat.remarks import ending
from litz.cli.chat.signals import Interrupts, Terminated
from litz.cli.command import UsageError
from litz.cli.engine import Engine
from litz.cli.terminal.console import Console
from litz.errors import ContextError, LitzError

if TYPE_CHECKING:
    from litz.cli.chat.recorder import Recorder
    from litz.cli.chat.slash import Slash


class Chat:
    """A conversation with an engine on a console."""

    def __init__(
        self,
        engine: Engine,
        conversation: Conversation,
        console: Console,
        *,
        model: str,
        stats: bool = False,
        recorder: "Recorder | None" = None,
    ) -> None:
        self.engine = engine
        self.conversation = conversation
        self.console = console
        self.model = model
        self.stats = stats
        self.recorder = recorder
        self.interrupts = Interrupts()
        self.replace: Callable[[str], Engine] | None = None  # where the model was not chosen: replaces it by another
        self._talking = False

    def say(self, text: str) -> bool:
        """Answer a message; False if the answer was interrupted. On an error the message is undone."""
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
        except Terminated:  # the partial answer is kept, as after Ctrl-C
            raise
        except BaseException:
            self.conversation.undo()
            raise

    def answer(self) -> bool:
        """Answer the last user turn. A partial answer is kept after an interruption; an empty one undoes the turn."""
        messages = self.conversation.messages()
        variables = self.engine.template_variables
        shown = Answer(self.console, opened_by(self.engine.tokenizer, messages, variables))
        whole = False
        try:
            with self.interrupts.allowed():
                for piece in self.engine.chat(messages):
                    shown.add(piece)
            whole = True
        except KeyboardInterrupt:
            pass
        finally:
            shown.end()
            if whole or shown.text:
                self._keep(shown)
        if not whole and not shown.text:
            self.conversation.undo()
        self._remarks(whole=whole, kept=bool(shown.text))
        self._record()
        return whole

    def _record(self) -> None:
        if self.recorder is not None:
            self.recorder.keep(self)

    def _keep(self, shown: Answer) -> None:
        self.conversation.add("assistant", shown.text)
        if shown.reasoning:  # under a key of its own: templates decide whether the model reads it again
            self.conversation.turns[-1]["reasoning_content"] = shown.reasoning

    def think(self, on: bool | None) -> None:
        """Switch reasoning on or off, or leave it to the template; ArgumentError if that has no switch for it."""
        name = switch_of(self.engine.tokenizer)
        self.engine.template_variables.pop(name, None)
        if on is not None:
            self.engine.template_variables[name] = on

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
        if self.conversation.turns:
            self.console.note(self.conversation.ending())

    def _suit(self, text: str) -> None:
        """Before the first question in Chinese: switches to the model for Chinese, or advises it."""
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
        """Read and answer until the end; the exit code. Ctrl-C at the prompt warns once, then leaves.

        A signal that ends the process ends the conversation in order, with the terminal as it was before.
        """
        self._begin()
        try:
            with self.interrupts.handled(), reader:
                return self._turns(reader)
        except Terminated as end:
            self.console.end()
            self._record()
            return int(end.code or 0)

    def _turns(self, reader: Reader) -> int:
        from litz.cli.chat.slash import Slash

        slash = Slash(self, reader.released)
        warned = False
        while True:
            try:
                self.interrupts.clear()
                with nullcontext() if reader.has_keys else self.interrupts.allowed():
                    text = reader.read()
            except KeyboardInterrupt:
                if not reader.has_keys:
                    print(file=sys.stderr)
                if warned:
                    return 130
                warned = True
                self.console.note("(once more, or Ctrl-D, leaves)")
                continue
            warned = False
            if text is None:
                if not reader.has_keys:
                    print(file=sys.stderr)
                return 0
            if text.strip() and not self._react(text, slash):
                return 0

    def _react(self, text: str, slash: "Slash") -> bool:
        """Runs a command or answers a message; False to leave. An error ends the turn, not the conversation."""
        from litz.cli.command import explain

        try:
            if text.startswith("/") and not text.startswith("//"):
                with self.interrupts.allowed():
                    goes_on = slash.run(text)
                self._record()
                return goes_on
            text = text.removeprefix("/") if text.startswith("//") else text
            self._suit(text)
            slash.send(text)
        except (LitzError, OSError, UsageError) as error:
            self.console.note(explain(error) if not isinstance(error, UsageError) else str(error))
        except KeyboardInterrupt:  # outside of generation: while files are read or the template is rendered
            self.console.note("(stopped)")
        return True
