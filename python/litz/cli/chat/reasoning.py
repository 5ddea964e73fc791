"""Reasoning between a model's marks, separated from its answer while both are generated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litz.errors import ArgumentError

# The variables by which templates switch reasoning on and off; a template reads one of them at most.
SWITCHES = ("enable_thinking", "thinking")


@dataclass(frozen=True)
class Marks:
    """What a model writes before and after its reasoning."""

    opening: str
    closing: str


MARKS = (
    Marks("<think>", "</think>"),
    Marks("[THINK]", "[/THINK]"),
    Marks("<thought>", "</thought>"),
    Marks("<seed:think>", "</seed:think>"),
    Marks("<|START_THINKING|>", "<|END_THINKING|>"),
)


@dataclass(frozen=True)
class Part:
    """A piece of reasoning or of the answer."""

    text: str
    reasoning: bool


class Splitter:
    """Separates reasoning from the answer. The marks and the empty lines beside them belong to neither.

    Reasoning is what an answer begins with, between marks or without an end; `open` are the marks of a prompt that has
    the opening one already. Later marks are text. The result does not depend on how the text was split into pieces.
    """

    def __init__(self, open: Marks | None = None) -> None:
        self._marks = open
        self._kept = ""
        self._reasoned = open is not None
        self._state = "begin" if open is None else "reasoning"
        self._said = False
        self._blank = ""  # line ends that count only if more reasoning follows

    def feed(self, text: str) -> list[Part]:
        """The parts that are certain after this piece."""
        self._kept += text
        parts: list[Part] = []
        while self._kept:
            state, kept = self._state, self._kept
            step = {"begin": self._begin, "reasoning": self._reason, "answer": self._answer}[state]
            parts += [part for part in step() if part.text]
            if (state, kept) == (self._state, self._kept):
                break
        return parts

    def end(self) -> list[Part]:
        """Flushes the text that was buffered because it could begin a mark."""
        kept, self._kept = self._kept, ""
        reasoning = self._state == "reasoning"
        text = (self._blank + kept).rstrip("\n") if reasoning else kept
        return [Part(text, reasoning)] if text else []

    def _begin(self) -> list[Part]:
        started = self._kept.lstrip()
        for marks in MARKS:
            if started.startswith(marks.opening):
                self._marks, self._kept = marks, started[len(marks.opening) :]
                self._state, self._reasoned = "reasoning", True
                return []
        if not any(marks.opening.startswith(started) for marks in MARKS):
            self._state = "answer"
        return []

    def _reason(self) -> list[Part]:
        assert self._marks is not None
        closing = self._marks.closing
        before, closed, after = self._kept.partition(closing)
        if closed:
            self._state, self._kept = "answer", after
        else:
            kept = _beginning_at_end(before, closing)
            before, self._kept = before[: len(before) - kept], before[len(before) - kept :]
        text = self._blank + before if self._said else (self._blank + before).lstrip("\n")
        said = text.rstrip("\n")
        self._blank = text[len(said) :]
        self._said = self._said or bool(said)
        return [Part(said, reasoning=True)]

    def _answer(self) -> list[Part]:
        text, self._kept = self._kept, ""
        if self._reasoned:
            text = text.lstrip("\n")
            self._reasoned = not text
        return [Part(text, reasoning=False)]


def _beginning_at_end(text: str, mark: str) -> int:
    """How many characters at the end of a text may be the beginning of a mark."""
    longest = min(len(text), len(mark) - 1)
    return next((size for size in range(longest, 0, -1) if mark.startswith(text[-size:])), 0)


def open_in(prompt: str) -> Marks | None:
    """The marks of which a rendered prompt ends with the opening one."""
    end = prompt[-200:].rstrip()
    return next((marks for marks in MARKS if end.endswith(marks.opening)), None)


def mark_ids(tokenizer: Any) -> Mapping[int, str]:
    """The marks that are special tokens, which the text of an answer lacks: their ids."""
    marks = {mark for pair in MARKS for mark in (pair.opening, pair.closing)}
    return {id: text for id, text, special, *_ in tokenizer._core.added_tokens() if special and text in marks}


def opened_by(tokenizer: Any, messages: list[dict[str, str]], variables: Mapping[str, object]) -> Marks | None:
    """The marks that the template itself opens at the end of a prompt, as for models that always reason."""
    if not any(marks.opening in str(tokenizer.chat_template) for marks in MARKS):
        return None
    return open_in(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **variables))


def switch_of(tokenizer: Any) -> str:
    """The template's variable that turns reasoning on and off; ArgumentError if none has an effect."""
    requested = [{"role": "user", "content": "x"}]
    for name in SWITCHES:
        try:
            on, off = (
                tokenizer.apply_chat_template(requested, add_generation_prompt=True, tokenize=False, **{name: value})
                for value in (True, False)
            )
        except ArgumentError:  # the template does not read it
            continue
        if on != off:
            return name
    raise ArgumentError(
        "this model's chat template has no switch for thinking (enable_thinking has no effect in it); "
        "leave out --think, --no-think and /set think"
    )
