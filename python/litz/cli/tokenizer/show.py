"""`litz tokenizer show`: the tokens of a text, with ids and offsets."""

import argparse
import json
import os
import sys
from itertools import zip_longest
from typing import Any

from litz.cli.arguments import names
from litz.cli.terminal import piped
from litz.cli.terminal.columns import padded, width
from litz.cli.tokenizer.tokens import Token, tokens_of, visible

# Backgrounds that black letters are legible on; neighbours differ.
_COLOURS = ("46", "43", "42", "45")
_SPECIAL = "7"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "litz tokenizer show [MODEL] [TEXT] [options]"
    parser.add_argument(
        "words", nargs="*", metavar="MODEL TEXT", help="a single argument is the model if it is the name of one, else "
        "the text; without TEXT it is standard input",
    )  # fmt: skip
    names.configure(parser)
    parser.add_argument("--compare", nargs="+", default=[], metavar="MODEL", help="show these tokenizers beside it")
    parser.add_argument("--no-special", action="store_true", help="add no special tokens around the text")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print the tokens: a line each, or a column for each tokenizer."""
    from litz.models.auto import AutoTokenizer

    model, text = names.split_words(options.words, named=options.named, prompt_option="litz tokenizer show -m MODEL")
    text = piped.read_all().removesuffix("\n") if text is None else text
    sources = [model, *options.compare]
    cut = {
        name: tokens_of(AutoTokenizer.from_pretrained(name), text, special=not options.no_special) for name in sources
    }
    if options.json:
        print(json.dumps([_as_dict(name, tokens) for name, tokens in cut.items()], ensure_ascii=False, indent=1))
    elif options.compare:
        _beside(cut, text)
    else:
        _alone(cut[model], text)
    return 0


def _as_dict(name: str, tokens: list[Token]) -> dict[str, Any]:
    listed = [
        {"id": token.id, "text": token.text, "start": token.start, "end": token.end, "special": token.special}
        for token in tokens
    ]
    return {"tokenizer": name, "count": len(tokens), "tokens": listed}


def _alone(tokens: list[Token], text: str) -> None:
    if _coloured():
        print("".join(_paint(token, place, _shown(token)) for place, token in enumerate(tokens)), end="\n\n")
    wide = max((len(str(token.id)) for token in tokens), default=0)
    places = [f"{token.start}-{token.end}" if token.start < token.end else "-" for token in tokens]
    far = max(map(len, places), default=0)
    for place, token in enumerate(tokens):
        print(f"{token.id:>{wide}}  {places[place]:<{far}}  {_paint(token, place, _shown(token))}")
    print(_summary(tokens, text))


def _beside(cut: dict[str, list[Token]], text: str) -> None:
    columns = []
    for name, tokens in cut.items():
        cells = [(_shown(token), str(token.id)) for token in tokens]
        left = max([width(shown) for shown, _ in cells] + [8])
        right = max([len(id) for _, id in cells] + [2])
        title = padded(name.rstrip("/").rpartition("/")[2][-left - right :], left + right + 1)
        columns.append((title, tokens, left, right))
    print("  ".join(title for title, *_ in columns).rstrip())
    for place, row in enumerate(zip_longest(*cut.values())):
        line = []
        for token, (_, _, left, right) in zip(row, columns, strict=True):
            shown = "" if token is None else _shown(token)
            filled = padded("", left - width(shown))
            id = "" if token is None else str(token.id)
            line.append(f"{_paint(token, place, shown) if token else ''}{filled} {id:>{right}}")
        print("  ".join(line).rstrip())
    longest = max(width(name) for name in cut)
    for name, tokens in cut.items():
        print(f"{padded(name, longest)}  {_summary(tokens, text)}")


def _shown(token: Token) -> str:
    return visible(token.text)


def _summary(tokens: list[Token], text: str) -> str:
    each = f", {len(text) / len(tokens):.2f} a token" if tokens else ""
    return f"{len(tokens)} tokens for {len(text)} characters{each}"


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _paint(token: Token, place: int, shown: str) -> str:
    if not _coloured():
        return shown
    return f"\033[{_SPECIAL if token.special else '30;' + _COLOURS[place % len(_COLOURS)]}m{shown}\033[0m"
