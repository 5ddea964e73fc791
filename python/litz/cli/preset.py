"""`litz preset`: lists and shows the presets of `litz chat --preset`, and prints their paths."""

import argparse
from pathlib import Path

from litz.cli.terminal.console import clean
from litz.errors import LitzError

_ACTIONS = {
    "ls": "list the presets",
    "show": "print a preset, if it is right",
    "path": "print the folder of presets, or the file of one",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    parser.epilog = (
        "A preset is a file NAME.toml with any of: model, system, a table [parameters] with what /set takes in a chat, "
        "a table [template_variables]. The command line counts before it."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {name: actions.add_parser(name, help=text, description=text) for name, text in _ACTIONS.items()}
    made["show"].add_argument("name", metavar="NAME", help="its name, or a path to a TOML file")
    made["path"].add_argument("name", metavar="NAME", nargs="?", help="the name of a preset")


def run(options: argparse.Namespace) -> int:
    """Run the action."""
    import sys

    from litz.cli.chat import presets

    if options.action == "path":
        print(presets.find(options.name) if options.name else presets.folder())
    elif options.action == "show":
        path = presets.find(options.name)
        presets.read(path)
        print(clean(path.read_text(encoding="utf-8")), end="")
    elif files := sorted(presets.folder().glob("*.toml")):
        width = max(len(file.stem) for file in files)
        for file in files:
            print(clean(f"{file.stem:<{width}}  {_summary(file)}"))
    else:
        print(f"no presets in {presets.folder()}; each is a file NAME.toml there", file=sys.stderr)
    return 0


def _summary(path: Path) -> str:
    from litz.cli.chat import presets
    from litz.cli.chat.conversation import short

    try:
        preset = presets.read(path)
    except (LitzError, OSError) as error:
        return f"wrong: {error}"
    parts = [preset.model, short(preset.system)]
    parts += [f"{name}={value}" for name, value in preset.parameters.items() if name != "do_sample"]
    return "; ".join(text for text in parts if text) or "(empty)"
