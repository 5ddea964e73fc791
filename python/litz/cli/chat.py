"""`litz chat`: one answer to a prompt, or a conversation."""

import argparse
import os
import re
import sys
from pathlib import Path

from litz.cli import conversation as conversations
from litz.cli import options as generation
from litz.cli import piped
from litz.cli.command import UsageError
from litz.cli.console import Console, Reader
from litz.cli.conversation import Conversation
from litz.cli.engine import Engine, load
from litz.cli.slash import Slash
from litz.errors import ArgumentError, ContextError, LitzError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "litz chat [MODEL] [PROMPT] [options]"
    parser.add_argument(
        "words", nargs="*", metavar="MODEL PROMPT", help="a single argument that names no model is the prompt"
    )
    parser.add_argument("--system", default="", metavar="TEXT", help="the system prompt")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on with a conversation that /save wrote")
    generation.configure(parser)


def run(options: argparse.Namespace) -> int:
    """One answer if there is a prompt or a pipe, else a conversation."""
    model, prompt = split_words(options.words)
    console = Console()
    parameters = generation.parameters(options)
    conversation = conversations.load(options.resume) if options.resume else Conversation()
    conversation.system = options.system or conversation.system
    if prompt is None and not console.interactive:
        prompt = piped.read_all()
        if not prompt.strip():
            raise ArgumentError("nothing to answer: standard input is empty, and there is no PROMPT")
    elif prompt is not None:
        prompt = with_piped(prompt, console)
    machine = {"threads": options.threads, "context": options.context, "exact": options.exact}
    engine = load(model, **machine, parameters=parameters)
    if engine.tokenizer.chat_template is None:
        raise ArgumentError(f"{model} has no chat template, so it is no chat model; try: litz generate {model} PROMPT")
    chat = Chat(engine, conversation, console, model=model, stats=options.stats)
    if prompt is None:
        return chat.converse(Reader())
    return 0 if chat.say(prompt) else 130


def split_words(words: list[str]) -> tuple[str, str | None]:
    """(model, prompt) from none, one or two words."""
    from litz.hub import DEFAULT_MODEL

    if len(words) > 2:
        raise UsageError(f"expected MODEL and PROMPT, found {len(words)} arguments; put the prompt into quotes")
    if len(words) == 2:
        return words[0], words[1]
    if not words:
        return DEFAULT_MODEL, None
    return (words[0], None) if names_model(words[0]) else (DEFAULT_MODEL, words[0])


def names_model(word: str) -> bool:
    """Whether a single argument means a model and not a prompt: something on disk, owner/name, pypi: or a path."""
    from litz.hub import DEFAULT_MODEL

    if word == DEFAULT_MODEL or word.startswith("pypi:"):
        return True
    if any(character.isspace() for character in word):
        return len(word) < 1024 and os.path.isdir(word)
    if word.endswith(".gguf") or re.match(r"\.{0,2}/|~|[A-Za-z]:\\", word):
        return True
    return re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w./-]+\.gguf)?", word, re.ASCII) is not None or os.path.isdir(word)


def with_piped(prompt: str, console: Console) -> str:
    """A prompt with what is piped in after it."""
    text, remark = piped.read_beside_prompt()
    if remark:
        console.note(remark)
    return f"{prompt}\n\n{text}" if text.strip() else prompt


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

    def say(self, text: str) -> bool:
        """Answer a message; False if the answer was interrupted. On an error the message is taken back."""
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
        stats = self.engine.stats
        if not whole:
            self.console.note("(stopped)" if kept else "(stopped; your message was taken back)")
        elif stats.finish == "context":
            self.console.note(f"(cut: the context of {self.engine.context} tokens is full)")
        elif stats.finish == "length" and self.console.watched:
            self.console.note(f"(cut after {stats.answer} tokens: max_new_tokens)")
        if self.stats:
            self.console.note(str(stats))

    def converse(self, reader: Reader) -> int:
        """Read and answer until the end; the exit code. Ctrl-C at the prompt warns once, then leaves."""
        self.console.note(f"{self.model}: /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves")
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
