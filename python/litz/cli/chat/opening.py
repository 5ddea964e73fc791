"""How a chat starts: empty, from a saved file, a logged conversation or a preset."""

import argparse
import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litz.cli.chat import conversation as conversations
from litz.cli.chat.conversation import Conversation
from litz.cli.command import UsageError, explain
from litz.cli.log import places
from litz.errors import ArgumentError, LitzError

if TYPE_CHECKING:
    from litz.cli.chat.dialogue import Chat
    from litz.cli.chat.presets import Preset
    from litz.cli.chat.recorder import Recorder
    from litz.cli.log.database import Entry
    from litz.cli.terminal.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where to begin and what to keep."""
    group = parser.add_argument_group("conversations")
    group.add_argument("--resume", type=Path, metavar="FILE", help="go on with what /save wrote, or a list of messages")
    group.add_argument(
        "-c", "--continue", dest="continues", action="store_true",
        help="go on with the latest conversation of the log, or after -c ID with that one (`litz log list`)",
    )  # fmt: skip
    group.add_argument("--preset", metavar="NAME", help="model, system prompt and parameters from a TOML file")
    group.add_argument(
        "--log", action=argparse.BooleanOptionalAction, help="keep this in the log, or not (default: `litz log status`)"
    )


def words_of(options: argparse.Namespace) -> tuple[list[str], int | None]:
    """The words of the command line without the ID that -c may have among them, and that ID."""
    words = list(options.words)
    place = next((place for place, word in enumerate(words) if re.fullmatch("[0-9]{1,18}", word)), None)
    if not options.continues or place is None:
        return words, None
    number = int(words.pop(place))
    return words, number


@dataclass
class Opening:
    """The beginning of a chat; `model` is empty where none is named."""

    conversation: Conversation = field(default_factory=Conversation)
    model: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    template_variables: dict[str, object] = field(default_factory=dict)
    think: bool | None = None
    recorder: "Recorder | None" = None

    def set_template_variables(self, chat: "Chat") -> None:
        """Sets the template's variables; ArgumentError if it does not read one of them, or cannot switch thinking."""
        tokenizer, variables = chat.engine.tokenizer, self.template_variables
        taken = sorted(variables.keys() & inspect.signature(tokenizer.apply_chat_template).parameters.keys())
        if taken:
            raise ArgumentError(f"[template_variables] {taken[0]}: this one is litz's own to give")
        if variables:
            requested = [{"role": "user", "content": "x"}]
            tokenizer.apply_chat_template(requested, add_generation_prompt=True, tokenize=False, **variables)
        chat.engine.template_variables.update(variables)
        if self.think is not None:
            chat.think(self.think)


def begin(
    options: argparse.Namespace, parameters: dict[str, Any], *, number: int | None, console: "Console"
) -> Opening:
    """Read what the options name. The command line counts before the preset, the preset before the conversation."""
    if options.resume and options.continues:
        raise UsageError("--resume and --continue each name a conversation; give one of them")
    preset, entry = _preset(options.preset), None
    made = Opening(parameters=parameters, think=options.think)
    if options.continues:
        entry = _entry(number)
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


def _entry(number: int | None) -> "Entry":
    from litz.cli.log.database import LogFile

    return LogFile(places.log_path()).entry(number)


def _conversation(entry: "Entry") -> Conversation:
    return Conversation(entry.snapshot.system, entry.snapshot.messages(system=False))


def _recorder(options: argparse.Namespace, entry: "Entry | None", console: "Console") -> "Recorder | None":
    """The recorder of the log; None if the log cannot be opened, which does not stop the chat."""
    if options.log is False or (options.log is None and not places.is_on()):
        if entry is not None and options.log is None:
            console.note("(the log is off: what follows is not kept; --log keeps it)")
        return None
    from litz.cli.chat.recorder import Recorder
    from litz.cli.log.database import LogFile

    try:
        places.make_state_folder()
    except (LitzError, OSError) as error:
        console.note(f"(this conversation is not logged: {explain(error)})")
        return None
    return Recorder(LogFile(places.log_path()), None if entry is None else entry.place)
