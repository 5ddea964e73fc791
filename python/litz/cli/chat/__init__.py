"""`litz chat`: one answer to a prompt, or a conversation."""

import argparse
from pathlib import Path

from litz.cli import names, piped
from litz.cli import options as generation
from litz.cli.chat import conversation as conversations
from litz.cli.chat.conversation import Conversation
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.reader import Reader
from litz.cli.console import Console
from litz.cli.engine import load
from litz.errors import ArgumentError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "litz chat [MODEL] [PROMPT] [options]"
    parser.epilog = f"Standard input: {piped.HELP}."
    parser.add_argument("words", nargs="*", metavar="MODEL PROMPT", help=names.WORDS_HELP)
    names.configure(parser)
    parser.add_argument("-p", "--prompt", metavar="TEXT", help="the prompt, also where the text is a model's name")
    parser.add_argument("--system", default="", metavar="TEXT", help="the system prompt")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on with a conversation that /save wrote")
    generation.configure(parser)


def run(options: argparse.Namespace) -> int:
    """One answer if there is a prompt or a pipe, else a conversation."""
    model, prompt = names.split_words(options.words, named=options.named, prompt=options.prompt)
    console = Console()
    parameters = generation.parameters(options)
    conversation = conversations.load(options.resume) if options.resume else Conversation()
    conversation.system = options.system or conversation.system
    if prompt is None and not console.interactive:
        prompt = piped.read_all()
        if not prompt.strip():
            raise ArgumentError("nothing to answer: standard input is empty, and there is no PROMPT")
    elif prompt is not None:
        prompt = piped.with_piped(prompt, console.note)
    machine = {"threads": options.threads, "context": options.context, "exact": options.exact}
    engine = load(model, **machine, parameters=parameters)
    if engine.tokenizer.chat_template is None:
        raise ArgumentError(f"{model} has no chat template, so it is no chat model; try: litz generate {model} PROMPT")
    chat = Chat(engine, conversation, console, model=model, stats=options.stats)
    if prompt is None:
        return chat.converse(Reader())
    return 0 if chat.say(prompt) else 130
