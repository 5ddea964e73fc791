"""`litz chat`: one answer to a prompt, or a conversation."""

import argparse

from litz.cli.arguments import generation, names
from litz.cli.chat import opening
from litz.cli.chat.dialogue import Chat
from litz.cli.chat.readers import open_reader
from litz.cli.engine import load
from litz.cli.terminal import piped
from litz.cli.terminal.console import Console
from litz.errors import ArgumentError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "litz chat [MODEL] [PROMPT] [options]"
    parser.epilog = f"Standard input: {piped.HELP}."
    parser.add_argument("words", nargs="*", metavar="MODEL PROMPT", help=names.WORDS_HELP)
    names.configure(parser)
    parser.add_argument("-p", "--prompt", metavar="TEXT", help="the prompt, also where the text is a model's name")
    parser.add_argument("--system", default="", metavar="TEXT", help="the system prompt")
    opening.configure(parser)
    parser.add_argument("--no-history", action="store_true", help="neither read nor keep what is typed")
    parser.add_argument(
        "--think", action=argparse.BooleanOptionalAction, help="let the model reason first, or not, where it can choose"
    )
    generation.configure(parser)


def run(options: argparse.Namespace) -> int:
    """One answer if there is a prompt or a pipe, else a conversation."""
    from litz.cli.chat import languages

    console = Console(wrap=True)
    words, number = opening.words_of(options)
    start = opening.begin(options, generation.parameters(options), number=number, console=console)
    default = start.model or None
    model, prompt = names.split_words(words, named=options.named, prompt=options.prompt, default=default)
    if prompt is None and not console.interactive:
        prompt = piped.read_all()
        if not prompt.strip():
            raise ArgumentError("nothing to answer: standard input is empty, and there is no PROMPT")
    elif prompt is not None:
        prompt = piped.with_piped(prompt, console.note)
        if not prompt.strip():
            raise ArgumentError("nothing to answer: the prompt is empty")
    machine = {"threads": options.threads, "context": options.context, "exact": options.exact}
    unchosen = names.is_unchosen_default(model, (*words, options.named, default))
    better, remark = languages.suited(prompt) if unchosen else (None, None)
    if remark:
        console.note(remark)
    model = better or model
    engine = load(model, **machine, parameters=start.parameters)
    if engine.tokenizer.chat_template is None:
        raise ArgumentError(f"{model} has no chat template, so it is no chat model; try: litz generate {model} PROMPT")
    chat = Chat(engine, start.conversation, console, model=model, stats=options.stats, recorder=start.recorder)
    start.set_template_variables(chat)
    if unchosen and not remark:
        chat.replace = lambda source: load(source, **machine, parameters=chat.engine.parameters)
    if prompt is None:
        return chat.converse(open_reader(keep=not options.no_history, warn=console.note))
    return 0 if chat.say(prompt) else 130
