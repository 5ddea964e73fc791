"""Fails on import circles that are not listed here, and on listed ones that no longer exist.

    python scripts/circles.py [--list]

`--list` prints today's circles as this file lists them.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from imports import Circle, circles

ROOT = Path(__file__).parent.parent
# files -> why they may import each other
ALLOWED: dict[tuple[str, ...], str] = {
    (
        "python/litz/cli/chat/dialogue.py",
        "python/litz/cli/chat/information.py",
        "python/litz/cli/chat/recorder.py",
        "python/litz/cli/chat/slash.py",
    ): "types only: commands are given the conversation that runs them",
}


def described(circle: Circle) -> str:
    kind = "type-only imports" if circle.types_only else "imports"
    return f"{kind} in a circle: {', '.join(circle.files)}"


def findings(found: list[Circle]) -> list[str]:
    """What is wrong, in lines; the files of a listed circle may have become fewer, but not more."""
    fresh = [circle for circle in found if circle.files not in ALLOWED]
    gone = [files for files in ALLOWED if files not in {circle.files for circle in found}]
    return [
        *(f"{described(circle)}; move what both need into a file below them" for circle in fresh),
        *(f"no circle any more, take it off the list in {Path(__file__).name}: {', '.join(files)}" for files in gone),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print today's circles in this file's form")
    found = circles(ROOT)
    if parser.parse_args().list:
        for circle in found:
            reason = json.dumps(ALLOWED.get(circle.files, "to be cut"))
            print("    (" + "".join(f'\n        "{name}",' for name in circle.files) + f"\n    ): {reason},")
        return 0
    wrong = findings(found)
    print("\n".join(wrong) or f"no import circles but the {len(ALLOWED)} that are listed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
