"""How fast are sentences of natural lengths encoded, next to the arithmetic that the CPU can do?

    python benchmarks/encode.py FOLDER TEXT [--python PYTHON] [--llama-python PYTHON]

FOLDER is what make_encoders.py made beside model.safetensors; TEXT is a book, whose first 2,000 sentences are
encoded by all-MiniLM-L6-v2 in batches of 32. Each system is a process of its own and tokenizes too; systems take turns,
and a turn of the CPU's peak lies in every round. Medians of the rounds with their range; the first warms up. "of FMA":
the multiplications and additions of the float32 model over the time, against the peak measured here.
"""

import argparse
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import Worker, form, median, spread, table

import litz
from litz import _core

_SCRIPT = str(Path(__file__).with_name("encode_system.py"))
_SPINNING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "1000000"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--python", help="an interpreter with sentence-transformers, onnxruntime and fastembed")
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


@dataclass(frozen=True)
class Contestant:
    """A system with a file, and the interpreter that runs it."""

    system: str
    file: str
    numbers: str
    python: str

    @property
    def name(self) -> str:
        return f"{self.system}, {self.numbers}"


def contestants(options: argparse.Namespace) -> list[Contestant]:
    found = [Contestant("litz", "", "float32", sys.executable), Contestant("litz", "Q8_0.gguf", "Q8_0", sys.executable)]
    if options.python:
        found += [
            Contestant("sentence-transformers", "", "float32", options.python),
            Contestant("onnxruntime", "model.onnx", "float32", options.python),
            Contestant("onnxruntime", "model_int8.onnx", "int8", options.python),
            Contestant("fastembed", "", "float32", options.python),
        ]
    if options.llama_python:
        found += [
            Contestant("llama.cpp", f"{numbers}.gguf", numbers.replace("F32", "float32"), options.llama_python)
            for numbers in ("F32", "Q8_0")
        ]
    return found


def sentences(path: Path, count: int) -> list[str]:
    """The first so many sentences of a text, line ends taken for spaces."""
    text = " ".join(path.read_text("utf-8").split())
    return [found.strip() for found in re.findall(r"[^.!?]+[.!?]+[\"')]*", text)[:count]]


def operations(encoder: litz.SentenceEncoder, texts: list[str]) -> tuple[float, int]:
    """The floating point operations of the layers, and how many tokens there are."""
    config = encoder.model.config
    lengths = [len(row) for row in encoder._tokenized(texts)]
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    matrices = layers * (4 * width * width + 2 * width * config["intermediate_size"])
    scores = sum(2 * layers * length * length * width for length in lengths)
    return 2.0 * (matrices * sum(lengths) + scores), sum(lengths)


def measure(
    options: argparse.Namespace, texts: list[str], saved: Path
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each system by round, "peak" among them (operations a second), and the most memory of each."""
    listed = saved / "texts.json"
    listed.write_text(json.dumps(texts))
    threads = str(options.threads)
    workers = {
        each: Worker(
            [each.python, _SCRIPT, each.system, str(options.folder / each.file), str(listed), threads],
            {} if each.system == "litz" else _SPINNING,
        )
        for each in contestants(options)
    }
    found: dict[str, list[float]] = {"peak": []}
    memory: dict[str, int] = {}
    for number in range(options.rounds + 1):
        found["peak"].append(_core.fma_peak(options.threads, 512, 3))
        for each, worker in workers.items():
            answer = worker.ask(save="" if number else str(saved / f"{each.name}.npy"))
            found.setdefault(each.name, []).append(answer["seconds"])
            memory[each.name] = answer["peak"]
    for worker in workers.values():
        worker.close()
    return {name: values[1:] for name, values in found.items()}, memory


def main() -> None:
    options = arguments()
    texts = sentences(options.text, options.sentences)
    flops, tokens = operations(litz.SentenceEncoder(options.folder), texts)
    with tempfile.TemporaryDirectory() as folder:
        found, memory = measure(options, texts, Path(folder))
        vectors = {name: np.load(Path(folder) / f"{name}.npy") for name in memory}
    peak = median(found["peak"])
    print(f"{len(texts)} sentences, {tokens} tokens, {options.threads} threads, {form()}")
    print(f"{flops / 1e12:.2f} TFLOP; FMA peak {peak / 1e9:.0f} GFLOP/s\n")
    first = vectors.get("sentence-transformers, float32", next(iter(vectors.values())))
    rows = []
    for name, seconds in ((name, found[name]) for name in memory):
        rates = [len(texts) / each for each in seconds]
        share = flops / median(seconds) / peak
        alike = float((vectors[name] * first).sum(axis=1).min())
        rows.append([name, spread(rates), f"{share:.0%}", f"{memory[name] / 1e6:.0f} MB", f"{alike:.6f}"])
    print(table(["system", "sentences/s", "of FMA", "peak memory", "least cosine to the reference"], rows))


if __name__ == "__main__":
    main()
