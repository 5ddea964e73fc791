"""Which of the words of a command line name a model, and which are the prompt."""

import os
import re

from litz.cli.command import UsageError


def split_words(words: list[str]) -> tuple[str, str | None]:
    """(model, prompt) from none, one or two words."""
    from litz.hub import DEFAULT_MODEL

    if len(words) > 2:
        raise UsageError(f"expected MODEL and PROMPT, found {len(words)} arguments; put the prompt into quotes")
    if len(words) == 2:
        return words[0], words[1]
    if not words:
        return DEFAULT_MODEL, None
    return (words[0], None) if names_model(words[0]) else (DEFAULT_MODEL, words[0])


def names_model(word: str) -> bool:
    """Whether a single argument means a model and not a prompt: something on disk, owner/name, pypi: or a path."""
    from litz.hub import DEFAULT_MODEL

    if word == DEFAULT_MODEL or word.startswith("pypi:"):
        return True
    if any(character.isspace() for character in word):
        return len(word) < 1024 and os.path.isdir(word)
    if word.endswith(".gguf") or re.match(r"\.{0,2}/|~|[A-Za-z]:\\", word):
        return True
    return re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w./-]+\.gguf)?", word, re.ASCII) is not None or os.path.isdir(word)
