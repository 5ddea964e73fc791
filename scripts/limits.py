"""Fails when a function or a file exceeds its limit: 60 lines a function, 500 a file (Rust: 700)."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES = 60
FILE_LINES = {".py": 500, ".rs": 700}


def tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py", "*.rs"], check=True, capture_output=True, text=True)
    yield from (path for path in map(Path, listed.stdout.splitlines()) if path.is_file())


def python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """(name, first line, lines) of every function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def rust_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """The same for rustfmt's layout: a function ends at the brace on its own indentation."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if start := re.match(r"( *)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:unsafe )?(?:extern \"C\" )?fn (\w+)", line):
            opening = next((i for i in range(number, len(lines)) if lines[i].endswith(("{", ";", "}"))), number)
            if not lines[opening].endswith("{"):
                continue  # a declaration, or a body on its one line
            end = next((i for i in range(opening, len(lines)) if lines[i] == start[1] + "}"), opening)
            yield start[2], number + 1, end - number + 1


def findings() -> Iterator[str]:
    for path in tracked():
        text = path.read_text(encoding="utf-8")
        count = text.count("\n")
        if count > FILE_LINES[path.suffix]:
            yield f"{path}: {count} lines; split it by idea (limit {FILE_LINES[path.suffix]})"
        functions = python_functions(text) if path.suffix == ".py" else rust_functions(text)
        yield from (
            f"{path}:{line}: {name} has {size} lines (limit {FUNCTION_LINES})"
            for name, line, size in functions
            if size > FUNCTION_LINES
        )


def main() -> int:
    found = list(findings())
    print("\n".join(found) or "every function and file is within its limit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
