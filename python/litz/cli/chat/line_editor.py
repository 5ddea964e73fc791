"""Messages typed in a terminal, edited as in a shell; only an interactive chat imports this, and prompt_toolkit."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.filters import has_focus, is_searching
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.history import History as PromptHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.search import accept_search
from prompt_toolkit.shortcuts import CompleteStyle, PromptSession

from litz.cli.chat.completion import candidates
from litz.cli.chat.history import History
from litz.cli.chat.reader import Reader, is_open, without_quotes
from litz.cli.chat.signals import Terminated
from litz.cli.chat.terminal_modes import Modes
from litz.cli.terminal.console import clean


class LineEditor(Reader):
    """Reads messages with prompt_toolkit: history, search, completion, pastes of many lines."""

    has_keys = True

    def __init__(self, history: History | None, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._history = _Kept(history)
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            prompt_continuation=_continuation,
            history=self._history,
            completer=_Commands(),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            enable_suspend=True,
            tempfile_suffix=".md",
            search_ignore_case=True,
            key_bindings=_bindings(),
            input_processors=[TabsProcessor(char1=" ", char2=" ")],
            output=_output(),
            interrupt_exception=KeyboardInterrupt,
        )
        self._modes: Modes | None = None

    def __enter__(self) -> "LineEditor":
        self._modes = Modes(self._resumed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._modes is not None:
            self._modes.close()

    def read(self) -> str | None:
        """One message; None at the end of the input. Ctrl-C raises KeyboardInterrupt on an empty line only."""
        self._say_trouble()
        try:
            text = self._session.prompt(">>> ")
        except EOFError:
            return None
        except KeyboardInterrupt:
            if self._session.default_buffer.text:
                return ""
            raise
        except Terminated:
            sys.stdout.write("\r\033[K")  # the line of the prompt may be open
            raise
        finally:
            if self._modes is not None:
                self._modes.hide_keys()
        self._say_trouble()
        return without_quotes(text)

    def released(self) -> AbstractContextManager[None]:
        """The terminal's own modes for another program."""
        return super().released() if self._modes is None else self._modes.released()

    def _say_trouble(self) -> None:
        if self._history.trouble:
            self._warn(self._history.trouble)
            self._history.trouble = ""

    def _resumed(self) -> bool:
        """Draw the prompt anew after a stop from outside; False if there is no prompt now."""
        app = self._session.app
        if not app.is_running or app.loop is None:
            return False
        app.renderer.reset()
        app.input.raw_mode().__enter__()  # the prompt's own context manager exits it
        app.loop.call_soon_threadsafe(app.invalidate)
        return True


class _Kept(PromptHistory):
    """The history of this conversation, and of earlier ones if there is a file."""

    def __init__(self, file: History | None) -> None:
        super().__init__()
        self.trouble = ""
        self._file = file
        self._loaded_strings = list(self.load_history_strings())
        self._loaded = True

    def load_history_strings(self) -> Iterable[str]:
        if self._file is None:
            return []
        try:
            return reversed([clean(text) for text in self._file.entries()])
        except OSError as error:
            self._give_up(error)
            return []

    def store_string(self, string: str) -> None:
        if self._file is None:
            return
        try:
            self._file.append(string)
        except OSError as error:
            self._give_up(error)

    def append_string(self, string: str) -> None:
        if string.strip() and string not in self._loaded_strings[:1]:
            super().append_string(string)

    def _give_up(self, error: OSError) -> None:
        assert self._file is not None
        self.trouble = f"(no history: {error.strerror or error}: {self._file.path}; --no-history leaves it out)"
        self._file = None


class _Commands(Completer):
    """Completes lines that begin with a slash."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        for found in candidates(document.text_before_cursor):
            yield Completion(found.text, start_position=-found.replaces)


def _output() -> Vt100_Output:
    """The terminal; its cursor is never queried: the response would mix with what was typed ahead."""

    def size() -> Size:
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        return Size(rows=rows or 24, columns=columns or 80)

    return Vt100_Output(sys.stdout, size, term=os.environ.get("TERM"), enable_bell=False, enable_cpr=False)


def _continuation(width: int, line: int, wrapped: int) -> AnyFormattedText:
    return "    " if wrapped else "... "


def _bindings() -> KeyBindings:
    keys = KeyBindings()
    typing = has_focus("DEFAULT_BUFFER")

    @keys.add("enter", filter=typing)
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.is_cursor_at_the_end and buffer.text.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        elif is_open(buffer.text):
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("c-x", "c-e", filter=typing)
    def edit(event: KeyPressEvent) -> None:
        event.current_buffer.open_in_editor()

    @keys.add("escape", "enter", filter=typing)
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add("enter", filter=is_searching)
    def send_what_was_found(event: KeyPressEvent) -> None:
        accept_search()
        event.app.current_buffer.validate_and_handle()

    @keys.add(Keys.BracketedPaste, filter=typing)
    def paste(event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        event.current_buffer.insert_text(clean(text))

    return keys
