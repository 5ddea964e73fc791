"""Runs one command: parses its arguments, reports errors in one line, returns the exit code."""

import sys
from importlib import import_module

from litz.cli.arguments.parser import Parser
from litz.cli.commands import COMMANDS
from litz.cli.terminal.console import clean, with_streams
from litz.cli.verbosity import configure
from litz.errors import ArgumentError, DownloadError, LitzError, ModelNotFoundError

_FLAGS = ("--debug", "-v", "--verbose")


class UsageError(Exception):
    """The arguments contradict each other."""


def run_command(name: str, arguments: list[str]) -> int:
    """Parse the arguments of a command and run it."""
    with_streams()
    module = import_module(f"litz.cli.{name}")
    parser = parser_of(name)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows ?, instead of a traceback
    try:
        options = parser.parse_args([_utf8(argument) for argument in _flags_first(arguments)])
        configure(options.verbose)
    except SystemExit as stop:  # argparse has printed why
        return int(stop.code or 0)
    except LitzError as error:
        return _report(f"litz: {error}", code=1)
    try:
        code = int(module.run(options))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise  # main ends quietly
    except UsageError as error:
        parser.print_usage(sys.stderr)
        return _report(f"litz {name}: {error}", code=2)
    except Exception as error:
        if options.debug:
            raise
        return _report(f"litz: {explain(error)}", code=1)
    return code


def parser_of(name: str) -> Parser:
    """The parser of a command."""
    parser = Parser(prog=f"litz {name}", description=COMMANDS[name].partition(":")[0])
    import_module(f"litz.cli.{name}").configure(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is done (LITZ_LOG=debug says more)")
    return parser


def _flags_first(arguments: list[str]) -> list[str]:
    """The arguments with the flags of every command first, so that they may also follow an action."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [word for word in arguments[:end] if word in _FLAGS]
    return [*flags, *(word for word in arguments[:end] if word not in _FLAGS), *arguments[end:]]


def _utf8(argument: str) -> str:
    """An argument decoded as UTF-8, even in an ASCII locale."""
    try:
        return argument.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:
        return argument


def explain(error: Exception) -> str:
    """One line about an error; an exception that is not one of litz's is called a bug."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, LitzError):
        return text + _named_by(error)
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}" if error.strerror and error.filename else error.strerror or text
    if isinstance(error, MemoryError):
        return "out of memory; a smaller model or --context needs less"
    return f"internal error: {type(error).__name__}: {text} (--debug shows where)"


def _named_by(error: LitzError) -> str:
    """The setting that named the model of an error, if the command line did not."""
    from litz.hub.chosen import COMMAND, VARIABLE, chosen_model
    from litz.hub.known import known_source

    if not isinstance(error, ModelNotFoundError | DownloadError | ArgumentError):
        return ""
    try:
        choice = chosen_model()
    except LitzError:
        return ""
    said = {VARIABLE: f"{VARIABLE} names it", COMMAND: f"`{COMMAND}` names it"}.get(choice.why)
    source = known_source(choice.source) or choice.source
    names = (choice.source, source, source.partition(":")[0] if "/" in source else source)
    return f" ({said})" if said and any(name in str(error) for name in names) else ""


def _report(text: str, *, code: int) -> int:
    print(clean(text), file=sys.stderr)
    return code
