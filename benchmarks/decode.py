"""How fast does litz decode and prefill a GGUF model beside llama.cpp, and what share of the machine's limit is that?

    python benchmarks/decode.py MODEL.gguf --llama-python PATH_TO_A_PYTHON_WITH_LLAMA_CPP

Systems stay loaded in processes of their own and take turns; inputs never repeat. llama.cpp gets its best setting
(spinning barriers). Prints one table: medians of the rounds, their range, and shares of what the same run measured.
"""

import argparse
import os
import random
import sys
from pathlib import Path

from machine import Worker, cpu_name, limits, median, spread, table

SPINNING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "1000000"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python; without it only litz runs")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--depth", type=int, default=1, help="tokens before decoding starts")
    return parser.parse_args()


def start(options: argparse.Namespace) -> dict[tuple[str, int], Worker]:
    script = str(Path(__file__).with_name("decode_worker.py"))
    pythons = {"litz": sys.executable} | ({"llama.cpp": options.llama_python} if options.llama_python else {})
    return {
        (system, threads): Worker(
            [python, script, system, str(options.model), str(threads)],
            {**os.environ, **(SPINNING if system == "llama.cpp" else {})},
        )
        for threads in options.threads
        for system, python in pythons.items()
    }


def main() -> None:
    options = arguments()
    workers = start(options)
    seconds: dict[tuple[str, int], dict[str, list[float]]] = {key: {"prefill": [], "decode": []} for key in workers}
    peaks: dict[tuple[str, int], float] = {}
    draw = random.Random(0)
    for round_number in range(options.rounds + 1):
        for key, worker in workers.items():
            decode = worker.ask(
                ids=[draw.randrange(100, 20000) for _ in range(options.depth)], new_tokens=options.new_tokens
            )
            prefill = worker.ask(ids=[draw.randrange(100, 20000) for _ in range(options.prefill)], new_tokens=0)
            if round_number:  # the first round warms up
                seconds[key]["decode"].append(options.new_tokens / decode["decode"])
                seconds[key]["prefill"].append(options.prefill / prefill["prefill"])
                peaks[key] = prefill["peak"]
    measured = {threads: limits(threads) for threads in options.threads}
    for worker in workers.values():
        worker.close()
    report(options, seconds, peaks, measured)


def report(
    options: argparse.Namespace,
    rates: dict[tuple[str, int], dict[str, list[float]]],
    peaks: dict[tuple[str, int], float],
    measured: dict[int, dict[str, float]],
) -> None:
    size = options.model.stat().st_size
    print(f"{options.model.name}, {size / 1e6:.1f} MB; {cpu_name()}; LITZ_CPU={os.environ.get('LITZ_CPU', 'best')}")
    for threads, found in measured.items():
        print(
            f"{threads} thread(s): read {found['bandwidth'] / 1e9:.1f} GB/s, {found['bandwidth'] / size:.0f} tok/s; "
            f"FMA {found['fma256'] / 1e9:.0f} (256 bit), {found['fma512'] / 1e9:.0f} GFLOP/s (512 bit)"
        )
    rows = []
    for (system, threads), found in rates.items():
        decode = median(found["decode"])
        peer = rates.get(("llama.cpp", threads))
        ratio = [f"{median(found[kind]) / median(peer[kind]):.2f}" if peer else "" for kind in ("decode", "prefill")]
        rows.append(
            [
                system,
                str(threads),
                spread(found["decode"]),
                f"{decode * size / measured[threads]['bandwidth']:.0%}",
                ratio[0],
                spread(found["prefill"]),
                ratio[1],
                f"{peaks[system, threads] / 1e6:.0f}",
            ]
        )
    print(
        table(
            [
                "system",
                "threads",
                f"decode tok/s at depth {options.depth}",
                "of bandwidth",
                "vs llama.cpp",
                f"prefill {options.prefill} tok/s",
                "vs llama.cpp",
                "peak MB",
            ],
            rows,
        )
    )


if __name__ == "__main__":
    main()
