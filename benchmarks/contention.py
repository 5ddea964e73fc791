"""How fast is decoding when another process takes a core, and when two processes decode at once?

    python benchmarks/contention.py MODEL [--llama-python PYTHON]

Uses two cores. First table: one thread and two, alone and while a process spins on one of the two cores; the last
column is two threads against one, both beside the neighbour. Second table: two processes of two threads each at once,
their sum against one alone. Tokens a second, medians of the rounds with their range; systems take turns, every prompt
is new.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import form, fresh, median, spread, table, worker

_SPIN = "import os, sys\nos.sched_setaffinity(0, [int(sys.argv[1])])\nprint(flush=True)\nwhile True: pass"
Key = tuple[str, int, str]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


@contextmanager
def neighbour(core: int | None) -> Iterator[None]:
    """A process that does nothing but keep this core busy."""
    if core is None:
        yield
        return
    spinning = subprocess.Popen([sys.executable, "-c", _SPIN, str(core)], stdout=subprocess.PIPE)
    assert spinning.stdout
    spinning.stdout.readline()
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


class Decoding:
    """Loaded systems, two processes each, and questions to them."""

    def __init__(self, options: argparse.Namespace) -> None:
        pythons = {"litz": sys.executable} | ({"llama.cpp": options.llama_python} if options.llama_python else {})
        self.systems = list(pythons)
        self.new_tokens = options.new_tokens
        self._draw = random.Random(0)
        self._workers = {
            (system, threads, copy): worker(system, options.model, threads, python=python)
            for system, python in pythons.items()
            for threads, copy in ((1, 0), (2, 0), (2, 1))
        }

    def alone(self, system: str, threads: int) -> float:
        """Tokens a second."""
        return self.new_tokens / self._workers[system, threads, 0].ask(**self._question())["seconds"]

    def together(self, system: str) -> float:
        """Tokens a second of two processes, until both are done."""
        pair = [self._workers[system, 2, copy] for copy in (0, 1)]
        start = time.perf_counter()
        for process in pair:
            process.send(**self._question())
        for process in pair:
            process.receive()
        return 2 * self.new_tokens / (time.perf_counter() - start)

    def close(self) -> None:
        for process in self._workers.values():
            process.close()

    def _question(self) -> dict[str, object]:
        return {"do": "decode", "prompts": [fresh(self._draw, 2)], "new_tokens": self.new_tokens}


def measure(options: argparse.Namespace, decoding: Decoding, cores: list[int]) -> dict[Key, list[float]]:
    rates: dict[Key, list[float]] = {}
    for number in range(options.rounds + 1):
        for name, core in (("alone", None), ("busy", cores[number % 2])):
            with neighbour(core):
                for system in decoding.systems:
                    for threads in (1, 2):
                        rates.setdefault((system, threads, name), []).append(decoding.alone(system, threads))
        for system in decoding.systems:
            rates.setdefault((system, 2, "pair"), []).append(decoding.together(system))
    return {key: values[1:] for key, values in rates.items()}  # the first round warms up


def main() -> None:
    options = arguments()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("this benchmark needs two cores")
    os.sched_setaffinity(0, cores)  # whatever is started inherits it
    decoding = Decoding(options)
    rates = measure(options, decoding, cores)
    decoding.close()
    print(f"**{options.model.name}**, {form()}\n")
    neighbours, pairs = [], []
    for system in decoding.systems:
        for threads in (1, 2):
            free, busy = rates[system, threads, "alone"], rates[system, threads, "busy"]
            against = f"{median(busy) / median(rates[system, 1, 'busy']):.2f}"
            neighbours.append([system, str(threads), spread(free), spread(busy), against])
        alone, pair = rates[system, 2, "alone"], rates[system, 2, "pair"]
        pairs.append([system, spread(alone), spread(pair), f"{median(pair) / median(alone):.2f}"])
    print(table(["system", "threads", "alone", "one core busy", "busy, to one thread"], neighbours))
    print()
    print(table(["system", "one process", "two at once, sum", "sum to one"], pairs))


if __name__ == "__main__":
    main()
