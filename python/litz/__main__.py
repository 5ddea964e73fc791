"""`python -m litz` is the `litz` command."""

from litz.cli.process import run

run()
