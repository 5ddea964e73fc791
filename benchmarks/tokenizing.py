"""How fast does text become ids, and in which form do programs get them?

    python benchmarks/tokenizing.py TOKENIZER_JSON --corpus NAME=FILE [...] [--python PYTHON] [--systems ...]

A corpus is a JSON list of texts; each round takes texts that no other round has. A system runs in its own process,
in turns with the others: `cold` is the first call of a fresh process, `warm` the median of later ones. Ids are
compared with those of `tokenizers` in the same run. MB/s of UTF-8 text. The limit is a copy of as many bytes.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

from machine import Worker, cpu_name, median, table

SYSTEM = str(Path(__file__).with_name("tokenizing_system.py"))
SYSTEMS = ("litz", "gigatoken", "tokenizers", "transformers", "tiktoken", "fastokens", "tokie", "kitoken")
FORMS = ("flat", "lists", "padded", "offsets")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--corpus", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, choices=SYSTEMS)
    parser.add_argument("--python", default="python", help="an interpreter with the peers")
    parser.add_argument("--forms", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--megabytes", type=float, default=2.0, help="of text for each call")
    return parser.parse_args()


def portions(path: Path, size: int, count: int) -> list[list[str]]:
    """Distinct portions of a corpus, drawn without return."""
    texts: list[str] = json.loads(path.read_text())
    random.Random(0).shuffle(texts)
    made: list[list[str]] = [[] for _ in range(count)]
    for portion in made:
        taken = 0
        while texts and taken < size:
            portion.append(texts.pop())
            taken += len(portion[-1].encode())
        if taken < size:
            raise SystemExit(f"{path} has too little text for {count} calls of {size} bytes; lower --megabytes")
    return made


def size(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def start(python: str, system: str, tokenizer: Path, threads: int) -> tuple[Worker, dict[str, object]]:
    names = ("LITZ_NUM_THREADS", "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM_THREADS", "GIGATOKEN_NUM_THREADS")
    environment = {name: str(threads) for name in names} | {"TOKENIZERS_PARALLELISM": "true"}
    worker = Worker([python, SYSTEM, system, str(tokenizer)], {**os.environ, **environment})
    return worker, worker.receive()


def copied(texts: list[str]) -> float:
    """Bytes a second of copying the text, and the best of ten."""
    text = b"".join(part.encode() for part in texts)
    best = float("inf")
    for _ in range(10):
        begun = time.perf_counter()
        bytearray(text)
        best = min(best, time.perf_counter() - begun)
    return len(text) / best


class Run:
    """The portions of a corpus as files, and what each system takes for them."""

    def __init__(self, options: argparse.Namespace, folder: Path, corpus: Path) -> None:
        self.options = options
        self.portions = portions(corpus, int(options.megabytes * 1e6), options.rounds)
        self.files = [folder / f"{i}.json" for i in range(options.rounds)]
        for file, texts in zip(self.files, self.portions, strict=True):
            file.write_text(json.dumps(texts))
        self.expected: str | None = None

    def form(self, form: str, threads: int) -> list[list[str]]:
        """A row of the table for each system that has the form."""
        workers = {}
        for system in self.options.systems:
            worker, greeting = start(self.options.python, system, self.options.tokenizer, threads)
            if "missing" not in greeting:
                workers[system] = worker
        taken: dict[str, list[float]] = {system: [] for system in workers}
        ids: dict[str, str] = {}
        for number, file in enumerate(self.files):
            for system, worker in workers.items():
                requested = form in ("flat", "lists") and number == 0
                got = worker.ask(form=form, texts=str(file), check=requested)
                if "seconds" in got:
                    taken[system].append(size(self.portions[number]) / 1e6 / got["seconds"])
                    ids[system] = got.get("ids", ids.get(system, ""))
        for worker in workers.values():
            worker.close()
        return self.rows(form, threads, taken, ids)

    def rows(self, form: str, threads: int, taken: dict[str, list[float]], ids: dict[str, str]) -> list[list[str]]:
        self.expected = ids.get("tokenizers") or self.expected
        made = []
        for system, speeds in taken.items():
            if speeds:
                same = "" if not ids[system] or not self.expected else "yes" if ids[system] == self.expected else "NO"
                warm = f"{median(speeds[1:]):.0f} ({min(speeds[1:]):.0f}-{max(speeds[1:]):.0f})"
                made.append([form, str(threads), system, f"{speeds[0]:.0f}", warm, same])
        return made


def latency(options: argparse.Namespace, folder: Path, texts: list[str]) -> list[list[str]]:
    """One prompt of about 50 tokens at a time, and how long loading takes."""
    prompts = [text[at : at + 200] for text in texts for at in range(0, len(text) - 200, 200)][:2000]
    file = folder / "prompts.json"
    file.write_text(json.dumps(prompts))
    rows = []
    for system in options.systems:
        worker, greeting = start(options.python, system, options.tokenizer, 1)
        if "missing" in greeting:
            rows.append([system, "missing", str(greeting["missing"])[:60]])
            continue
        worker.ask(form="one", texts=str(file))
        got = worker.ask(form="one", texts=str(file))
        worker.close()
        one = f"{got['seconds'] * 1e6:.1f}" if "seconds" in got else ""
        rows.append([system, f"{float(str(greeting['loaded'])) * 1e3:.0f}", one])
    return rows


def main() -> None:
    options = arguments()
    print(f"{options.tokenizer}, {cpu_name()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for given in options.corpus:
            language, _, path = given.partition("=")
            run = Run(options, folder, Path(path))
            print(f"## {language}: {len(run.portions[0])} texts of {size(run.portions[0]) / 1e6:.1f} MB a call; "
                  f"copying them: {copied(run.portions[0]) / 1e9:.1f} GB/s\n")  # fmt: skip
            rows = [row for threads in options.threads for form in options.forms for row in run.form(form, threads)]
            print(table(["form", "threads", "system", "cold MB/s", "warm MB/s", "same ids"], rows) + "\n", flush=True)
            one = [["".join(texts)] for texts in run.portions]
            for file, texts in zip(run.files, one, strict=True):
                file.write_text(json.dumps(texts))
            run.portions, run.expected = one, None
            rows = run.form("flat", options.threads[-1])
            print("One long document:\n\n" + table(["form", "threads", "system", "cold MB/s", "warm MB/s", "same ids"],
                  rows) + "\n", flush=True)  # fmt: skip
        print(table(["system", "loading ms", "one prompt us"], latency(options, folder, json.loads(
            Path(options.corpus[0].partition("=")[2]).read_text())[:200])))  # fmt: skip


if __name__ == "__main__":
    main()
