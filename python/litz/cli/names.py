"""Which of the words of a command line name a model, and which are the prompt."""

import os
import re

from litz.cli.command import UsageError


def split_words(words: list[str], *, default: str = "") -> tuple[str, str | None]:
    """(model, prompt) from none, one or two words; `default` is the model that is meant where none is named."""
    from litz.hub import DEFAULT_MODEL

    default = default or DEFAULT_MODEL
    if len(words) > 2:
        raise UsageError(f"expected MODEL and PROMPT, found {len(words)} arguments; put the prompt into quotes")
    if len(words) == 2:
        return words[0], words[1]
    if not words:
        return default, None
    return (words[0], None) if names_model(words[0]) else (default, words[0])


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
