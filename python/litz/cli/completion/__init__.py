"""`litz completion`: a script for a shell, made from the parsers of the commands."""

import argparse

from litz.cli.commands import COMMANDS

SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\
bash: add  eval "$(litz completion bash)"  to ~/.bashrc
zsh:  add  eval "$(litz completion zsh)"  to ~/.zshrc, after compinit
fish: litz completion fish > ~/.config/fish/completions/litz.fish
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Print a script that completes commands, options, short names and cached models."
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=SHELLS, help="which shell the script is for")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from litz.cli.command import parser_of
    from litz.cli.completion.shells import script
    from litz.cli.completion.syntax import describe

    forms = [form for name, text in COMMANDS.items() for form in describe(name, text, parser_of(name))]
    print(script(options.shell, forms), end="")
    return 0
