"""Messages read without prompt_toolkit, and when it is taken."""

import subprocess
import sys

import pytest

from litz.cli.chat import readers
from litz.cli.chat.reader import Reader, is_open, without_quotes
from litz.cli.chat.readers import open_reader
from tests.terminals import program


def typed(monkeypatch, *lines):
    source = iter(lines)

    def read(self, prompt):
        return next(source, None)

    monkeypatch.setattr(Reader, "_line", read)
    return Reader()


def test_lines_continue_after_a_backslash_and_within_quotes(monkeypatch):
    reader = typed(monkeypatch, "a\\", "b\\", "c", '"""x', "", "y", 'z"""', '"""one line"""', '"""', "q", '"""')
    assert [reader.read() for _ in range(5)] == ["a\nb\nc", "x\n\ny\nz", "one line", "q", None]


@pytest.mark.parametrize(
    ("text", "open"),
    [
        ('"""', True),
        ('"""a', True),
        ('"""a"""', False),
        ('""""""', False),
        ('""""', True),
        ("a", False),
        ('a"""', False),
    ],
)
def test_a_block_is_open_until_its_quotes_come(text, open):
    assert is_open(text) is open


def test_quotes_are_taken_off_blocks_only():
    assert without_quotes('"""\na\n"""') == "a"
    assert without_quotes('say """a"""') == 'say """a"""'
    assert without_quotes("  a ") == "  a "


def test_without_a_terminal_the_plain_reader_reads():
    assert type(open_reader(keep=False, warn=print)) is Reader


def test_without_prompt_toolkit_the_plain_reader_reads(monkeypatch):
    monkeypatch.setattr(readers, "_edits", lambda: True)
    monkeypatch.setitem(sys.modules, "prompt_toolkit.completion", None)
    monkeypatch.delitem(sys.modules, "litz.cli.chat.line_editor", raising=False)
    assert type(open_reader(keep=False, warn=print)) is Reader


def test_one_answer_needs_no_prompt_toolkit():
    check = "import atexit; atexit.register(lambda: print([m for m in sys.modules if 'prompt_toolkit' in m]))"
    command = program([["hello"]], "chat", "hi", before=check)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n[]\n"
