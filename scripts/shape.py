"""The structure in numbers: lines by folder, the longest functions and files, import circles, files with a word.

python scripts/shape.py [--root TREE] [--touches WORD ...]
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from imports import circles
from limits import python_functions, rust_functions

FOLDERS = ("python", "crates", "tests", "scripts", "benchmarks", "fuzz", "examples")
SHOWN = 5


def sources(root: Path) -> Iterator[Path]:
    """Every Python and Rust file of the tree, builds left out."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".pyi", ".rs") and not {"target", "__pycache__", ".venv"} & set(path.parts):
                yield path.relative_to(root)


def area(path: Path) -> str:
    """The folder that a file counts for: of the package and of the core one level inside, of tests the kind."""
    parts = path.parts
    depth = {"python": 3, "crates": 4, "tests": 2}.get(parts[0], 1)
    return "/".join(parts[: min(depth, len(parts) - 1)])


def lines_by_folder(texts: dict[Path, str]) -> Iterator[str]:
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path, text in texts.items():
        kind = "tests" if _is_test(path) else path.suffix.lstrip(".")
        for key in (f"  {area(path)}", f"all {kind}"):
            files[key] += 1
            lines[key] += text.count("\n")
    for key in sorted(lines):
        yield f"{key:44} {files[key]:5} files {lines[key]:8,} lines"


def _is_test(path: Path) -> bool:
    return "tests" in path.parts or path.name == "tests.rs"


def longest_functions(texts: dict[Path, str]) -> Iterator[str]:
    for suffix in (".py", ".rs"):
        read = python_functions if suffix == ".py" else rust_functions
        found = [
            (size, f"{path}:{line} {name}")
            for path, text in texts.items()
            if path.suffix == suffix
            for name, line, size in read(text)
        ]
        yield from (f"  {size:4} lines  {where}" for size, where in sorted(found, reverse=True)[:SHOWN])
        sizes = sorted(size for size, _ in found)
        yield f"  {len(sizes):,} functions in {suffix} files, median {sizes[len(sizes) // 2]} lines"


def longest_files(texts: dict[Path, str]) -> Iterator[str]:
    for suffix in (".py", ".rs"):
        found = [(text.count("\n"), path) for path, text in texts.items() if path.suffix == suffix]
        yield from (f"  {size:4} lines  {path}" for size, path in sorted(found, reverse=True)[:SHOWN])


def touching(word: str, texts: dict[Path, str]) -> Iterator[str]:
    """The files that have a word, as a name or inside one; those of the tests are only counted."""
    pattern = re.compile(re.escape(word), re.IGNORECASE)
    found = [path for path, text in texts.items() if pattern.search(text)]
    own = [path for path in found if not _is_test(path)]
    yield f"{word!r}: {len(own)} files, and {len(found) - len(own)} of the tests"
    yield from (f"  {path}" for path in own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent, help="another tree")
    parser.add_argument("--touches", nargs="+", default=[], metavar="WORD", help="which files say these words")
    options = parser.parse_args()
    texts = {path: (options.root / path).read_text(encoding="utf-8") for path in sources(options.root)}
    for word in options.touches:
        print("\n".join(touching(word, texts)))
    if options.touches:
        return
    print("Lines", *lines_by_folder(texts), sep="\n")
    print("Longest functions", *longest_functions(texts), sep="\n")
    print("Longest files", *longest_files(texts), sep="\n")
    found = circles(options.root)
    python = [circle for circle in found if circle.files[0].startswith("python")]
    types = sum(circle.types_only for circle in python)
    print(f"Import circles: Python {len(python) - types} and {types} of types only, Rust {len(found) - len(python)}")
    for circle in found:
        print(f"  {'types only: ' if circle.types_only else ''}{' '.join(circle.files)}")


if __name__ == "__main__":
    main()
