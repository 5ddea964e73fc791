"""How fast is one build of litz beside another: decoding, prompts, batches, starting, tokenizing?

    python benchmarks/builds.py OLD NEW MODEL... [--tokenizer TOKENIZER_JSON CORPUS] [--repeat N]

OLD and NEW are interpreters, each with its build installed. Both stay loaded in processes of their own and answer in
turns, the older build first in every other round; inputs never repeat. A ratio is the median of the rounds' own ratios
(older time by newer time, above 1 is faster now): what slows the machine for a second slows both of a round.
CORPUS is a JSON list of texts.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from machine import Worker, form, fresh, median, table, worker
from tokenizing import portions, start

Builds = dict[str, str]  # "old" and "new" to an interpreter
Question = dict[str, object]
Times = list[dict[str, float]]  # of each round, the seconds of each build


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="an interpreter with the older build")
    parser.add_argument("new", help="an interpreter with the newer build")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--tokenizer", nargs=2, type=Path, action="append", default=[], metavar=("JSON", "CORPUS"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--new-tokens", type=int, default=48)
    return parser.parse_args()


def in_turns(rounds: int, builds: Builds, once: Callable[[str, int], float]) -> Times:
    """`once(build, round)` in seconds; the first round warms up, and the order changes from round to round."""
    times: Times = []
    for number in range(rounds + 1):
        names = list(builds) if number % 2 else list(reversed(builds))
        times.append({name: once(name, number) for name in names})
    return times[1:]


def row(what: str, threads: int, times: Times) -> list[str]:
    ratios = [taken["old"] / taken["new"] for taken in times]
    shown = [f"{1e3 * median([taken[name] for taken in times]):.1f}" for name in ("old", "new")]
    return [what, str(threads), *shown, f"{median(ratios):.3f}"]


def questions(options: argparse.Namespace, draw: random.Random) -> Iterator[tuple[str, Callable[[], Question]]]:
    """What is measured, and a maker of one question about it."""
    for depth in (0, 2000):
        prefix = fresh(draw, depth)
        yield (
            f"decode {options.new_tokens} at {depth:,}",
            lambda prefix=prefix: {
                "do": "decode", "prompts": [prefix + fresh(draw, 1)], "new_tokens": options.new_tokens,
            },
        )  # fmt: skip
    for tokens in (32, 512):
        yield f"prefill {tokens}", lambda tokens=tokens: {"do": "prefill", "ids": fresh(draw, tokens)}
    yield (
        "decode 16 of 8 sequences",
        lambda: {"do": "decode", "prompts": [fresh(draw, 32) for _ in range(8)], "new_tokens": 16},
    )


def model_rows(options: argparse.Namespace, builds: Builds, model: Path, threads: int) -> Iterator[list[str]]:
    draw = random.Random(0)
    running = {name: worker("litz", model, threads, python=python) for name, python in builds.items()}
    for what, make in questions(options, draw):
        asked = [make() for _ in range(options.rounds + 1)]

        def once(name: str, number: int, *, asked: list[Question] = asked) -> float:
            seconds: float = running[name].ask(**asked[number])["seconds"]
            return seconds

        yield row(what, threads, in_turns(options.rounds, builds, once))
    for process in running.values():
        process.close()


def start_row(options: argparse.Namespace, builds: Builds, model: Path) -> list[str]:
    """A fresh process, the model loaded, and a first token."""
    draw = random.Random(1)

    def once(name: str, number: int) -> float:
        begun = time.perf_counter()
        process = worker("litz", model, 2, python=builds[name])
        process.ask(do="prefill", ids=fresh(draw, 4))
        taken = time.perf_counter() - begun
        process.close()
        return taken

    return row("start to a first token", 2, in_turns(options.rounds, builds, once))


def tokenizer_rows(options: argparse.Namespace, builds: Builds, file: Path, corpus: Path) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        texts = [Path(folder) / f"{number}.json" for number in range(options.rounds + 1)]
        for path, portion in zip(texts, portions(corpus, 1_000_000, len(texts)), strict=True):
            path.write_text(json.dumps(portion))
        for threads in options.threads:
            running: dict[str, Worker] = {n: start(p, "litz", file, threads)[0] for n, p in builds.items()}
            for kind in ("flat", "padded", "offsets", "one"):

                def once(name: str, number: int, *, kind: str = kind, running: dict[str, Worker] = running) -> float:
                    seconds: float = running[name].ask(form=kind, texts=str(texts[number]))["seconds"]
                    return seconds

                yield row(f"encode, {kind}", threads, in_turns(options.rounds, builds, once))
            for process in running.values():
                process.close()


def main() -> None:
    options = arguments()
    builds = {"old": options.old, "new": options.new}
    print(form())
    header = ["", "threads", "before, ms", "now, ms", "before / now"]
    for model in options.models:
        made = [made for threads in options.threads for made in model_rows(options, builds, model, threads)]
        print(f"\n**{model.name}**\n\n" + table(header, [*made, start_row(options, builds, model)]))
        sys.stdout.flush()
    for file, corpus in options.tokenizer:
        print(f"\n**{file.parent.name}**\n\n" + table(header, tokenizer_rows(options, builds, file, corpus)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
