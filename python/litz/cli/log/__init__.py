"""`litz log`: lists, searches, shows and removes logged conversations."""

import argparse

from litz.cli.arguments.generation import number

_ACTIONS = {
    "on": "log every conversation and every single answer of `litz chat` from now on",
    "off": "log no more; what is logged stays",
    "status": "whether litz logs, where, how much, and whether the file is whole",
    "path": "print the file's name",
    "list": "list the conversations, the latest first",
    "search": "list those that hold every one of some words",
    "show": "print a conversation",
    "rm": "delete conversations",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    parser.epilog = "`litz chat -c [ID]` goes on with a conversation; --log and --no-log decide for one run."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {name: actions.add_parser(name, help=text, description=text) for name, text in _ACTIONS.items()}
    for name in ("list", "search"):
        made[name].add_argument("-n", type=number(int, 1), default=20, metavar="N", help="at most so many (20)")
    made["search"].add_argument("words", nargs="+", metavar="WORD", help="any text, in any language; case is ignored")
    identifier = number(int, 1, 2**63 - 1)
    made["show"].add_argument("id", nargs="?", type=identifier, metavar="ID", help="its number (default: the latest)")
    made["show"].add_argument("--json", action="store_true", help="as `litz chat --resume` and /load take it")
    made["rm"].add_argument("ids", nargs="+", type=identifier, metavar="ID", help="its number")


def run(options: argparse.Namespace) -> int:
    """Run the action."""
    from litz.cli.log import places

    path = places.log_path()
    if options.action == "path":
        print(path)
        return 0
    if options.action in ("on", "off"):
        places.switch(options.action == "on")
        print(f"litz logs to {path}" if options.action == "on" else f"litz logs no more; {path} stays as it is")
        return 0
    from litz.cli.log import printing
    from litz.cli.log.database import LogFile

    log = LogFile(path)
    if options.action == "status":
        printing.print_status(log)
    elif options.action == "list":
        printing.print_lines(log.lines(options.n), [])
    elif options.action == "search":
        found = log.search(options.words, options.n)
        printing.print_lines(found, options.words)
        return 0 if found else 1
    elif options.action == "show":
        entry = log.entry(options.id)
        print(printing.as_json(entry) if options.json else printing.as_markdown(entry))
    else:
        log.remove(options.ids)
        print(f"removed {', '.join(map(str, dict.fromkeys(options.ids)))}")
    return 0
