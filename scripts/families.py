"""The README's list of families, from the first words of each family's file: what stands before the colon.

    python scripts/families.py [--check | --write]

Without an option it prints the list. The README holds it between `<!-- families -->` and `<!-- /families -->`.
"""

import argparse
import ast
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "python" / "litz" / "architectures"
BEGIN, END = "<!-- families -->", "<!-- /families -->"


def modules() -> list[str]:
    """The file of every model type, each once; types in capitals are older names of others."""
    for node in ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MODEL_TYPES":
            types: dict[str, str] = ast.literal_eval(node.value)
            return list(dict.fromkeys(module for name, module in types.items() if name.islower()))
    raise SystemExit(f"{FOLDER / '__init__.py'} has no MODEL_TYPES")


def title(module: str) -> str:
    """`Gemma 2` of a file that begins with `Gemma 2: sandwich norms ...`."""
    docstring = ast.get_docstring(ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))) or ""
    name, colon, _ = docstring.partition(":")
    if not colon:
        raise SystemExit(f"{FOLDER / module}.py: the docstring must begin with the family's name and a colon")
    return " ".join(name.split())


def listed() -> str:
    names = sorted(map(title, modules()), key=str.lower)
    return textwrap.fill(f"Families: {'; '.join(names)}.", 120, break_long_words=False, break_on_hyphens=False)


def replaced(text: str) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n{listed()}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="fail where the README says something else")
    how.add_argument("--write", action="store_true", help="write it into the README")
    options = parser.parse_args()
    if not (options.check or options.write):
        print(listed())
        return 0
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    new = replaced(text)
    if options.check and new != text:
        print("README.md lists other families than litz has: python scripts/families.py --write")
        return 1
    if options.write:
        readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
