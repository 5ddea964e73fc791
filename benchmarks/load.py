"""How long until a fresh process has its first token, and how much memory does it take?

    python benchmarks/load.py MODEL... [--llama-python PYTHON] [--transformers FOLDER...]

Whole processes in turns, files in the page cache. The first token follows a prompt of four ids; peak memory is that
of the process after `--tokens` more of prompt and 16 of decoding, less what the bare interpreter takes, beside the
file and the f16 keys and values of so many positions.
"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

from machine import cost_of, form, fresh, median, spread, table, worker

_NEW = 16


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--transformers", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


def once(draw: random.Random, options: argparse.Namespace, system: str, model: Path) -> dict[str, float]:
    """Seconds and bytes of one process."""
    python = options.llama_python if system == "llama.cpp" else sys.executable
    start = time.perf_counter()
    process = worker(system, model, options.threads, python=python)
    process.ask(do="prefill", ids=fresh(draw, 4))
    first = time.perf_counter() - start
    answer = process.ask(do="decode", prompts=[fresh(draw, options.tokens)], new_tokens=_NEW)
    process.close()
    return {"first": first, "loaded": answer["loaded"], "peak": answer["peak"]}


def bare() -> int:
    """Resident bytes of an interpreter that has imported nothing of the system."""
    code = "print(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    options = arguments()
    draw = random.Random(0)
    runs = [("litz", model) for model in options.models]
    runs += [("llama.cpp", model) for model in options.models if options.llama_python and model.suffix == ".gguf"]
    runs += [("transformers", folder) for folder in options.transformers]
    taken: dict[tuple[str, Path], list[dict[str, float]]] = {run: [] for run in runs}
    for number in range(options.rounds + 1):
        for system, model in runs:
            found = once(draw, options, system, model)
            if number:  # the first round fills the page cache
                taken[system, model].append(found)
    base = bare()
    print(f"{form()}; {options.threads} threads; a bare interpreter takes {base / 1e6:.1f} MB\n")
    rows = []
    for (system, model), found in sorted(taken.items(), key=lambda item: item[0][1].name):
        cost = cost_of(model)
        kv = cost.kv * (options.tokens + _NEW)
        used = median([each["peak"] for each in found]) - base
        rows.append(
            [
                model.name,
                system,
                spread([each["first"] * 1e3 for each in found]),
                spread([each["loaded"] * 1e3 for each in found]),
                f"{cost.stored / 1e6:.0f} + {kv / 1e6:.0f}",
                f"{used / 1e6:.0f}",
                f"{used / (cost.stored + kv) - 1:+.0%}",
            ]
        )
    header = ["model", "system", "first token, ms", "of it loading, ms", "file + KV, MB", "peak MB", "over file + KV"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
