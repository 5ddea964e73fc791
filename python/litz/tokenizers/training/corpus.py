"""Passes a corpus to the core, which counts its words: texts in batches, files, and a progress bar."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from litz import _core
from litz.errors import ArgumentError
from litz.hub.progress import Progress

_BATCH = 1 << 22  # characters
_TEXTS = 1 << 14

Corpus = Iterable[str | Iterable[str] | os.PathLike[str]] | os.PathLike[str]


class Bar(Progress):
    """A progress bar of things that are counted, not of bytes."""

    def _figures(self, done: int, rate: float) -> str:
        if not self.total or done > self.total:
            return f"{done:,}"
        filled = round(20 * done / self.total)
        return f"[{'#' * filled}{'.' * (20 - filled)}] {done:,} of {self.total:,}"


class Report:
    """Draws the progress that the core reports: a bar for each stage, none unless `shown`."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Progress | None = None

    def __call__(self, stage: str, done: int, total: int, *, in_bytes: bool = False) -> None:
        """Called by the core, with the name of a stage and what is done of it."""
        if not self._shown:
            return
        if self._bar is None or self._bar.label != stage:
            self.close()
            self._bar = (Progress if in_bytes else Bar)(stage)
        self._bar.total = total or None
        self._bar.update(done)

    def bytes(self, stage: str, done: int, total: int) -> None:
        """The same for bytes of a file."""
        self(stage, done, total, in_bytes=True)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def feed(counter: _core.WordCounter, corpus: Corpus, report: Report, *, length: int | None = None) -> None:
    """Counts the words of a corpus: texts, lists of texts, or paths (`os.PathLike`) of files whose lines are texts."""
    if isinstance(corpus, str):
        raise ArgumentError("the corpus is one text; pass a list of texts, or pathlib.Path for a file")
    batch: list[str] = []
    size = done = 0
    for text in _texts([corpus] if isinstance(corpus, os.PathLike) else corpus):
        if not isinstance(text, str):
            counter.feed_file(os.fspath(text), report.bytes)
            continue
        batch.append(text)
        size += len(text)
        if size >= _BATCH or len(batch) >= _TEXTS:
            counter.feed(batch)
            done += len(batch)
            report("counting words", done, length or 0)
            batch, size = [], 0
    counter.feed(batch)
    report.close()


def _texts(corpus: Iterable[Any]) -> Iterator[str | os.PathLike[str]]:
    for item in corpus:
        if isinstance(item, str | os.PathLike):
            yield item
        elif isinstance(item, Iterable):
            for text in item:
                if not isinstance(text, str):
                    raise ArgumentError(f"the corpus holds lists of {type(text).__name__}; expected texts")
                yield text
        else:
            raise ArgumentError(f"the corpus holds {item!r:.80}; expected texts, lists of texts or paths")
