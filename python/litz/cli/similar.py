"""`litz similar`: the lines of a file that are most like a query."""

import argparse
import json
from typing import TYPE_CHECKING

from litz.cli import sentences
from litz.cli.arguments.generation import number
from litz.cli.terminal.console import clean

if TYPE_CHECKING:
    from litz.sentences import SentenceEncoder

_EPILOG = f"""\
{sentences.FILES_HELP}

Lines are scored by the cosine of the angle between their vector and the query's, or by the dot product where the model
says so. Of the model's prompts, "query" is put before the query, and "document", "passage" or "corpus" before the
lines, where it has them.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", metavar="MODEL", help="a folder, a GGUF file, or a model's name")
    parser.add_argument("query", metavar="QUERY", help="the text that the lines are compared with")
    parser.add_argument("file", metavar="FILE", help="the texts, a line each; - is standard input")
    parser.add_argument("-n", "--top", type=number(int, 1, 1 << 30), default=10, metavar="N", help="how many lines")
    parser.add_argument("--json", action="store_true", help='print {"score", "line", "text"} for each, a line each')
    sentences.configure(parser)


def run(options: argparse.Namespace) -> int:
    """Print the best lines, the best first."""
    texts = sentences.read_texts(options.file, field=options.field)
    encoder = sentences.load(options)
    with sentences.warnings_as_notes():
        scores = _scores(encoder, options.query, texts, batch_size=options.batch_size)
    best = sorted(range(len(texts)), key=lambda place: (-scores[place], place))[: options.top]
    width = len(str(max(best, default=0) + 1))
    for place in best:
        if options.json:
            found = {"score": round(scores[place], 6), "line": place + 1, "text": texts[place]}
            print(json.dumps(found, ensure_ascii=False))
        else:
            print(clean(f"{scores[place]:7.4f}  {place + 1:>{width}}  {texts[place]}"))
    return 0


def _scores(encoder: "SentenceEncoder", query: str, texts: list[str], *, batch_size: int) -> list[float]:
    """How alike each text is to the query."""
    asked = encoder.encode([query], prompt_name=_prompt(encoder, "query"))
    found = encoder.encode(texts, batch_size=batch_size, prompt_name=_prompt(encoder, "document", "passage", "corpus"))
    scores: list[float] = encoder.similarity(asked, found)[0].tolist()
    return scores


def _prompt(encoder: "SentenceEncoder", *names: str) -> str | None:
    """The first of the names that is a prompt of the model's."""
    return next((name for name in names if name in encoder.prompts), None)
