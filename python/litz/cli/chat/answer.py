"""An answer while it is generated: printed, and separated from the reasoning before it."""

from litz.cli.chat.reasoning import Marks, Part, Splitter
from litz.cli.terminal.console import Console


class Answer:
    """Shows an answer on a console and collects it; reasoning is dimmed, or stands between marks where nothing dims."""

    def __init__(self, console: Console, open: Marks | None = None) -> None:
        self._console = console
        self._splitter = Splitter(open)
        self._texts: list[str] = []
        self._thoughts: list[str] = []

    @property
    def text(self) -> str:
        """The answer itself."""
        return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        """What came before it."""
        return "".join(self._thoughts)

    def add(self, piece: str) -> None:
        """Adds the next piece of the model's text."""
        self._show(self._splitter.feed(piece))

    def end(self) -> None:
        """The end of the answer."""
        self._show(self._splitter.end())
        self._console.end()

    def _show(self, parts: list[Part]) -> None:
        console = self._console
        for part in parts:
            if part.reasoning:
                if not self._thoughts and not console.dims:
                    console.reason("<think>\n")
                self._thoughts.append(part.text)
                console.reason(part.text)
            else:
                if self._thoughts and not self._texts:
                    console.end()
                    console.reason("\n" if console.dims else "</think>\n\n")
                    console.end()
                self._texts.append(part.text)
                console.write(part.text)
