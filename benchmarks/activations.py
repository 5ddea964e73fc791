"""How far is each choice of activations from exact arithmetic, and how far is llama.cpp?

    python benchmarks/activations.py MODEL... --texts NAME=FILE... [--llama-python PYTHON] [--tokens N]

One table a model. Exact is activations="f32" with a float32 cache: the stored weights as floats, nothing rounded but
the arithmetic itself. Of every text the first N tokens are read in windows of 512. For each system: the mean KL
divergence from the exact distribution of the next token, in how many positions the likeliest token is the same, and
the perplexity. LITZ_CPU chooses litz's form. llama.cpp keeps its keys and values in float32, too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import form, table

import litz

WINDOW = 512
_LLAMA = """
import sys
import numpy as np, llama_cpp
path, ids_path, out_path, vocab = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
model = llama_cpp.Llama(path, n_ctx=512, n_batch=512, logits_all=True, verbose=False, type_k=0, type_v=0, n_threads=2)
ids = np.load(ids_path)
for number, start in enumerate(range(0, len(ids), 512)):
    model.reset()
    window = ids[start : start + 512].tolist()
    model.eval(window)
    np.save(f"{out_path}.{number}.npy", model.scores[: len(window), :vocab].astype(np.float32))
"""
Logits = Callable[[np.ndarray], Iterator[np.ndarray]]


@dataclass
class Sums:
    """What is added up over positions."""

    divergence: float = 0.0
    same: int = 0
    surprise: float = 0.0
    positions: int = 0
    targets: int = 0

    def add(self, exact: np.ndarray, found: np.ndarray, window: np.ndarray) -> None:
        """Takes a window's log-probabilities, (time, vocab)."""
        self.divergence += float((np.exp(exact) * (exact - found)).sum())
        self.same += int((exact.argmax(-1) == found.argmax(-1)).sum())
        self.surprise -= float(found[np.arange(len(window) - 1), window[1:]].sum())
        self.positions += len(window)
        self.targets += len(window) - 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--texts", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--tokens", type=int, default=20_000)
    return parser.parse_args()


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    scores = logits.astype(np.float64)
    scores -= scores.max(-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def windows(ids: np.ndarray) -> Iterator[np.ndarray]:
    return (ids[start : start + WINDOW] for start in range(0, len(ids), WINDOW))


def of_litz(path: Path, activations: str) -> Logits:
    model = litz.AutoModelForCausalLM.from_pretrained(path, activations=activations, cache_dtype="float32")
    return lambda ids: (model(window[None]).logits[0] for window in windows(ids))


def of_llama(python: str, path: Path, vocab: int) -> Logits:
    def logits(ids: np.ndarray) -> Iterator[np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder, "ids.npy"), ids)
            command = [python, "-c", _LLAMA, str(path), f"{folder}/ids.npy", f"{folder}/out", str(vocab)]
            subprocess.run(command, check=True, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
            for number in range(-(-len(ids) // WINDOW)):
                yield np.load(f"{folder}/out.{number}.npy")

    return logits


def compare(systems: dict[str, Logits], ids: np.ndarray) -> dict[str, Sums]:
    """All systems window by window; the first is exact."""
    sums = {name: Sums() for name in systems}
    for window, *rows in zip(windows(ids), *(system(ids) for system in systems.values()), strict=True):
        exact = log_probabilities(rows[0])
        for total, row in zip(sums.values(), rows, strict=True):
            total.add(exact, log_probabilities(row), window)
    return sums


def measure(path: Path, texts: dict[str, str], requested: argparse.Namespace) -> str:
    tokenizer = litz.AutoTokenizer.from_pretrained(path)
    systems = {f"litz, {name}": of_litz(path, name) for name in ("f32", "auto", "fast")}
    if requested.llama_python:
        vocab = litz.AutoConfig.from_pretrained(path)["vocab_size"]
        systems["llama.cpp"] = of_llama(requested.llama_python, path, vocab)
    rows = {name: [name] for name in systems}
    for text in texts.values():
        ids = np.array(tokenizer.encode(text)[: requested.tokens])
        for name, sums in compare(systems, ids).items():
            divergence, same = sums.divergence / sums.positions, 100 * sums.same / sums.positions
            rows[name].append(f"{divergence:.1e}, {same:.2f} %, {np.exp(sums.surprise / sums.targets):.3f}")
    return table(["activations", *(f"{name}: KL, same token, perplexity" for name in texts)], rows.values())


def main() -> int:
    requested = arguments()
    texts = {
        name: Path(path).read_text(encoding="utf-8") for name, _, path in (t.partition("=") for t in requested.texts)
    }
    print(form())
    for path in requested.models:
        print(f"\n**{path.name}**\n\n{measure(path, texts, requested)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
