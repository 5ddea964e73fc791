"""The words of a command line: which one names the model, and which is the prompt."""

import argparse
import os
import re
from collections.abc import Iterable

from litz.cli.command import UsageError
from litz.errors import ModelNotFoundError

MODEL_HELP = (
    "a folder, a .gguf file, a short name (`litz ls --known`), owner/name[:FILE.gguf or :Q4_K_M] or pypi:… "
    "(default: LITZ_MODEL, else what `litz default` says)"
)

WORDS_HELP = "a single argument is the model if it is the name of one, else the prompt"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the model."""
    parser.add_argument("-m", "--model", metavar="MODEL", dest="named", help=MODEL_HELP)


def split_words(
    words: list[str],
    *,
    named: str | None = None,
    prompt: str | None = None,
    default: str | None = None,
    prompt_option: str = "litz chat -p",
) -> tuple[str, str | None]:
    """(model, prompt) from none, one or two words and what the options -m and -p say.

    `default` is the model of a continued chat, or of a preset. `prompt_option`, for errors, is the command line that
    gives a word as the prompt even if it could be a model's name.
    """
    if len(words) > 2:
        raise UsageError(f"expected MODEL and PROMPT, found {len(words)} arguments; put the prompt into quotes")
    if prompt is not None:
        if len(words) == 2 or (words and named not in (None, words[0])):
            raise UsageError(f"-p gives the prompt already, so {words[-1]!r} is one too many")
        return one_model(words[0] if words else None, named, default=default), prompt
    if len(words) == 2:
        _refuse_plain_word(words[0])
        return one_model(words[0], named), words[1]
    if not words:
        return one_model(None, named, default=default), None
    if named is not None:
        return named, words[0]
    model = single_word(words[0], prompt_option=prompt_option)
    return (model, None) if model is not None else (one_model(None, None, default=default), words[0])


def _refuse_plain_word(word: str) -> None:
    """Refuses a first word that is no model's name: it was the prompt's first word, and must not reach a server."""
    from litz.hub.cache import repositories_named
    from litz.hub.lookalikes import looks_like_a_name

    if not names_model(word) and not looks_like_a_name(word) and not repositories_named(word):
        raise UsageError(f"{word!r} names no model; put a prompt of several words into quotes, or say -m {word}")


def one_model(positional: str | None, named: str | None, *, default: str | None = None) -> str:
    """The model that a command line means, by its place or by -m; else `default`, or the one chosen beforehand."""
    from litz.hub.cache import repositories_named
    from litz.hub.chosen import chosen_model

    if positional is not None and named is not None and positional != named:
        raise UsageError(f"{positional!r} and -m {named!r} name two models; give one")
    requested = next((name for name in (named, positional, default) if name is not None), None)
    if requested is not None and "/" not in requested and not names_model(requested):
        cached = repositories_named(requested)
        requested = cached[0] if len(cached) == 1 else requested
    return chosen_model(requested).source


def is_unchosen_default(model: str, named: Iterable[str | None]) -> bool:
    """Whether it is the embedded default only because neither `named` nor a setting names another."""
    from litz.hub import DEFAULT_MODEL
    from litz.hub.chosen import EMBEDDED, chosen_model

    return model == DEFAULT_MODEL and model not in named and chosen_model().why == EMBEDDED


def single_word(word: str, *, prompt_option: str) -> str | None:
    """The model that a single argument names, None if it is a prompt; ModelNotFoundError for what looks misspelt."""
    from litz.hub.cache import repositories_named
    from litz.hub.known import nearest_known
    from litz.hub.lookalikes import looks_like_a_name

    if names_model(word):
        return word
    if not re.fullmatch(r"[\w.:-]+", word, re.ASCII):
        return None
    cached = repositories_named(word)
    if len(cached) == 1:
        return cached[0]
    if not cached and not looks_like_a_name(word):
        return None
    near = nearest_known(word)
    if cached:
        found = f"{word!r} could be {' or '.join(cached)}: name one of them"
    elif near:
        found = f"{word!r} looks like a model's name; did you mean {near}? `litz ls --known` lists short names"
    else:
        found = f"{word!r} looks like a model's name, but is no short name (`litz ls --known` lists them)"
    hub = "" if cached or near else f" As a repository of the Hub: -m {word}."
    raise ModelNotFoundError(f"{found}.{hub} As a prompt: {prompt_option} {word}".replace("?.", "?"))


def names_model(word: str) -> bool:
    """Whether an argument is a model's name beyond doubt: a short name, something on disk, owner/name, pypi: or a path.

    Nothing is looked up on the network.
    """
    from litz.hub import DEFAULT_MODEL, known_source

    if word == DEFAULT_MODEL or word.startswith("pypi:") or known_source(word) is not None:
        return True
    if any(character.isspace() for character in word):
        return len(word) < 1024 and os.path.isdir(word)
    if word.endswith(".gguf") or re.match(r"\.{0,2}/|~|[A-Za-z]:\\", word):
        return True
    return re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w./-]+)?", word, re.ASCII) is not None or os.path.isdir(word)
