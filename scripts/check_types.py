"""Checks the types that users see: tests/typing and the examples, with mypy --strict and pyright, in about 15 seconds.

A line may end in `# expect: mypy[CODE,...] pyright[RULE,...]`: then these errors, and only these, must be there. Any
other error fails. basedpyright is pyright as a wheel that brings its own node: it fetches nothing.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [*sorted((ROOT / "tests" / "typing").glob("*.py")), *sorted((ROOT / "examples").glob("*.py"))]
_EXPECTED = re.compile(r"# expect: (.*)$")
_TOOL = re.compile(r"(\w+)\[([\w,-]+)\]")
_MYPY = re.compile(r"^(.+?):(\d+): error: (.*)  \[([\w-]+)\]$")
_PYRIGHT = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "python")]}

Errors = dict[tuple[str, int], set[str]]  # the codes at a file's line


def expected(tool: str) -> Errors:
    """The errors that the comments expect of a tool."""
    found: Errors = {}
    for path in SOURCES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            comment = _EXPECTED.search(line)
            codes = dict(_TOOL.findall(comment[1])) if comment else {}
            if tool in codes:
                found[path.name, number] = set(codes[tool].split(","))
    return found


def by_mypy() -> tuple[Errors, list[str]]:
    """The errors of mypy --strict, and how it says them."""
    options = ["--strict", "--config-file=", "--no-error-summary", "--hide-error-context", "--cache-dir"]
    options.append(str(ROOT / ".mypy_cache" / "typing"))
    environment = {**os.environ, "MYPYPATH": str(ROOT / "python")}
    command = [sys.executable, "-m", "mypy", *options, *map(str, SOURCES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    found: Errors = {}
    messages = []
    for line in done.stdout.splitlines():
        if match := _MYPY.match(line):
            found.setdefault((Path(match[1]).name, int(match[2])), set()).add(match[4])
            messages.append(line)
    if done.returncode not in (0, 1) or (done.returncode == 1 and not messages):
        raise SystemExit(f"mypy failed:\n{done.stdout}{done.stderr}")
    return found, messages


def by_pyright() -> tuple[Errors, list[str]]:
    """The errors of pyright in strict mode, and how it says them."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pyrightconfig.json"
        config.write_text(json.dumps({**_PYRIGHT, "include": [str(path) for path in SOURCES]}))
        command = [sys.executable, "-m", "basedpyright", "-p", str(config), "--outputjson"]
        command += ["--pythonpath", sys.executable]
        done = subprocess.run(command, capture_output=True, text=True)
    try:
        diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    except (ValueError, KeyError):
        raise SystemExit(f"pyright failed:\n{done.stdout}{done.stderr}") from None
    found: Errors = {}
    messages = []
    for item in diagnostics:
        if item["severity"] == "error":
            place = Path(item["file"]).name, item["range"]["start"]["line"] + 1
            found.setdefault(place, set()).add(item.get("rule", "syntax"))
            messages.append(f"{place[0]}:{place[1]}: {item['message']} [{item.get('rule')}]")
    for place, codes in found.items():  # what is wrong has no type either
        found[place] = {code for code in codes if not code.startswith("reportUnknown")} or codes
    return found, messages


def differences(tool: str, found: Errors, messages: list[str]) -> list[str]:
    """Where the errors are not those that are expected."""
    wanted = expected(tool)
    lines = []
    for place in sorted({*wanted, *found}):
        if wanted.get(place, set()) != found.get(place, set()):
            said = [line for line in messages if f"{place[0]}:{place[1]}:" in line] or ["no error"]
            codes = ", ".join(sorted(wanted.get(place, set()))) or "no error"
            lines.append(f"{tool}: {place[0]}:{place[1]}: expected {codes}, found:\n  " + "\n  ".join(said))
    return lines


def main() -> int:
    wrong = [*differences("mypy", *by_mypy()), *differences("pyright", *by_pyright())]
    print("\n".join(wrong) or f"types: {len(SOURCES)} files, {len(expected('mypy'))} expected errors, found by both")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
