"""The README's tour runs as it is printed."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block after <!-- {marker} -->"
    return found[1]


@pytest.mark.slow
def test_the_tour_runs_and_answers() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("tour"), "README.md", "exec"), {})
    lines = printed.getvalue().splitlines()
    assert len(lines) >= 5
    assert any("[" in line for line in lines)


def test_the_test_command_installs_the_test_extra_and_runs_the_tests() -> None:
    assert block("test command").strip() == 'pip install ".[test]" && pytest'
