"""`litz chat`: one answer to a prompt, or a conversation."""

import argparse
from pathlib import Path

from litz.cli import options as generation
from litz.cli import piped
from litz.cli.chat import conversation as conversations
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.reader import Reader
from litz.cli.console import Console
from litz.cli.engine import load
from litz.cli.names import split_words
from litz.errors import ArgumentError


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
    from litz.cli.chat import languages
    from litz.hub import DEFAULT_MODEL

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
    unchosen = model == DEFAULT_MODEL and model not in options.words
    better, remark = languages.suited(prompt) if unchosen else (None, None)
    if remark:
        console.note(remark)
    model = better or model
    engine = load(model, **machine, parameters=parameters)
    if engine.tokenizer.chat_template is None:
        raise ArgumentError(f"{model} has no chat template, so it is no chat model; try: litz generate {model} PROMPT")
    chat = Chat(engine, conversation, console, model=model, stats=options.stats)
    if unchosen and not remark:
        chat.replace = lambda source: load(source, **machine, parameters=chat.engine.parameters)
    if prompt is None:
        return chat.converse(Reader())
    return 0 if chat.say(prompt) else 130


def with_piped(prompt: str, console: Console) -> str:
    """A prompt with what is piped in after it."""
    text, remark = piped.read_beside_prompt()
    if remark:
        console.note(remark)
    return f"{prompt}\n\n{text}" if text.strip() else prompt
