"""What do several sequences that decode together gain over one?

    python benchmarks/batch.py MODEL... [--llama-python PYTHON] [--transformers FOLDER]

One table a model: tokens a second of all sequences together, medians of the rounds with their range, and the ratio to
one sequence in the same rounds. Systems stay loaded and take turns; every prompt is new.
"""

import argparse
import random
import sys
from pathlib import Path

from machine import Worker, cost_of, form, fresh, median, spread, table, worker

from litz.measure import limits

Rates = dict[int, dict[str, list[float]]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--transformers", type=Path, metavar="FOLDER", help="the same model as safetensors")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sequences", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--prompt", type=int, default=32, help="tokens of each prompt")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


def systems(options: argparse.Namespace, model: Path) -> dict[str, Worker]:
    started = {"litz": worker("litz", model, options.threads)}
    if options.llama_python:
        for name, flash in (("llama.cpp", False), ("llama.cpp, flash", True)):
            started[name] = worker("llama.cpp", model, options.threads, python=options.llama_python, flash=flash)
    if options.transformers:
        started["transformers"] = worker("transformers", options.transformers, options.threads)
    return started


def measure(options: argparse.Namespace, running: dict[str, Worker]) -> Rates:
    draw = random.Random(0)
    rates: Rates = {count: {name: [] for name in running} for count in options.sequences}
    for number in range(options.rounds + 1):
        for count in options.sequences:
            for name, system in running.items():
                prompts = [fresh(draw, options.prompt) for _ in range(count)]
                answer = system.ask(do="decode", prompts=prompts, new_tokens=options.new_tokens)
                if number:  # the first round warms up
                    rates[count][name].append(count * options.new_tokens / answer["seconds"])
    return rates


def report(options: argparse.Namespace, model: Path) -> None:
    running = systems(options, model)
    rates = measure(options, running)
    for system in running.values():
        system.close()
    cost = cost_of(model)
    print(f"\n**{model.name}**, {cost.stored / 1e6:.0f} MB, {form()}")
    print(f"- {options.threads} thread(s): {limits(options.threads)}\n")
    first = rates[options.sequences[0]]
    rows = []
    for count, found in rates.items():
        row = [str(count)]
        for name, values in found.items():
            row += [spread(values), f"{median(values) / median(first[name]):.2f}"]
        rows.append(row)
    header = ["sequences"]
    for name in running:
        header += [f"{name}, tok/s", f"to {options.sequences[0]}"]
    print(table(header, rows))
    sys.stdout.flush()


def main() -> None:
    options = arguments()
    for model in options.models:
        report(options, model)


if __name__ == "__main__":
    main()
