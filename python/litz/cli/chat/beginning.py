"""Where a chat begins: with nothing, a saved file, a logged conversation or a preset."""

import argparse
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz.cli import log_places
from litz.cli.chat import conversation as conversations
from litz.cli.chat.conversation import Conversation
from litz.cli.command import UsageError
from litz.errors import ArgumentError, LitzError

if TYPE_CHECKING:
    from litz.cli.chat.dialogue import Chat
    from litz.cli.chat.presets import Preset
    from litz.cli.chat.recorder import Recorder
    from litz.cli.console import Console
    from litz.cli.log_file import Entry

LATEST = 0


class Continue(argparse.Action):
    """`-c [ID]`: what follows is an ID only if it is a number; anything else is a word like the others."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Note the ID, or the word and its place among the words."""
        namespace.continued = LATEST
        if isinstance(values, str) and values.isascii() and values.isdigit() and len(values) < 19:
            namespace.continued = int(values)
        elif isinstance(values, str):
            namespace.misplaced = (len(namespace.words or []), values)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where to begin and what to keep."""
    group = parser.add_argument_group("conversations")
    group.add_argument("--resume", type=Path, metavar="FILE", help="go on with what /save wrote, or a list of messages")
    group.add_argument(
        "-c", "--continue", dest="continued", action=Continue, nargs="?", metavar="ID",
        help="go on with the latest conversation of the log, or with that one (`litz log list`)",
    )  # fmt: skip
    group.add_argument("--preset", metavar="NAME", help="model, system prompt and parameters from a TOML file")
    group.add_argument(
        "--log", action=argparse.BooleanOptionalAction, help="keep this in the log, or not (default: `litz log status`)"
    )
    parser.set_defaults(misplaced=None)


def words_of(options: argparse.Namespace) -> list[str]:
    """The words of the command line, with the one that followed -c in its place."""
    words = list(options.words)
    if options.misplaced is not None:
        words.insert(*options.misplaced)
    return words


@dataclass
class Beginning:
    """What a chat starts from; `model` is empty where none is named."""

    conversation: Conversation = field(default_factory=Conversation)
    model: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    template_variables: dict[str, object] = field(default_factory=dict)
    think: bool | None = None
    recorder: "Recorder | None" = None

    def tell_template(self, chat: "Chat") -> None:
        """Give the template its variables; ArgumentError if it reads one of them not, or has no switch for thinking."""
        tokenizer, variables = chat.engine.tokenizer, self.template_variables
        taken = sorted(variables.keys() & inspect.signature(tokenizer.apply_chat_template).parameters.keys())
        if taken:
            raise ArgumentError(f"[template_variables] {taken[0]}: this one is litz's own to give")
        if variables:
            asked = [{"role": "user", "content": "x"}]
            tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False, **variables)
        chat.engine.template_variables.update(variables)
        if self.think is not None:
            chat.think(self.think)


def begin(options: argparse.Namespace, parameters: dict[str, Any], console: "Console") -> Beginning:
    """Read what the options name. The command line counts before the preset, the preset before the conversation."""
    if options.resume and options.continued is not None:
        raise UsageError("--resume and --continue each name a conversation; give one of them")
    preset, entry = _preset(options.preset), None
    made = Beginning(parameters=parameters, think=options.think)
    if options.continued is not None:
        entry = _entry(options.continued)
        made.conversation, made.model = _conversation(entry), entry.snapshot.model
    elif options.resume:
        made.conversation = conversations.load(options.resume)
    if preset is not None:
        from litz.cli.chat.settings import changed

        made.model = preset.model or made.model
        made.parameters = changed(preset.parameters, parameters)
        made.template_variables = dict(preset.template_variables)
        made.think = preset.think if made.think is None else made.think
        made.conversation.system = preset.system or made.conversation.system
    made.conversation.system = options.system or made.conversation.system
    made.recorder = _recorder(options, entry, console)
    return made


def _preset(name: str | None) -> "Preset | None":
    if name is None:
        return None
    from litz.cli.chat import presets

    return presets.read(presets.find(name))


def _entry(number: int) -> "Entry":
    from litz.cli.log_file import LogFile

    return LogFile(log_places.log_path()).entry(number if number != LATEST else None)


def _conversation(entry: "Entry") -> Conversation:
    return Conversation(entry.snapshot.system, entry.snapshot.messages(system=False))


def _recorder(options: argparse.Namespace, entry: "Entry | None", console: "Console") -> "Recorder | None":
    """What keeps the log; a log that cannot be made costs the log, not the answer."""
    if options.log is False or (options.log is None and not log_places.is_on()):
        if entry is not None and options.log is None:
            console.note("(the log is off: what follows is not kept; --log keeps it)")
        return None
    from litz.cli.chat.recorder import Recorder
    from litz.cli.log_file import LogFile

    try:
        log_places.make_state_folder()
    except (LitzError, OSError) as error:
        console.note(f"(this conversation is not logged: {error})")
        return None
    return Recorder(LogFile(log_places.log_path()), None if entry is None else entry.place)
