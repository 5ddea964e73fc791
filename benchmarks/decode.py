"""How fast do litz and its peers decode and read prompts, and what share of the machine's limits is that?

    python benchmarks/decode.py MODEL... [--llama-python PYTHON] [--ik-bench LLAMA_BENCH] [--transformers FOLDER...]

One table a model. Systems stay loaded in processes of their own and take turns; inputs never repeat. Peers get their
best setting: spinning barriers, and llama.cpp the better of flash attention on and off for each figure. transformers
runs where one of the folders holds the model's dtype. LITZ_CPU=avx2 measures litz's other form. Figures are medians
of the rounds in tokens a second, with their range. Shares: decoding, of the read bandwidth (weights plus f16 keys and
values at that depth); prompts, of the peak for the dtype (matrices plus causal attention).
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from machine import SPINNING, cost_of, form, fresh, median, spread, table, worker

from litz.measure import Limits, Work, limits

_TORCH = {"F32": "float32", "BF16": "bfloat16"}
Rates = dict[str, list[float]]


@dataclass(frozen=True)
class Figure:
    """One row: decoding after, or reading, so many tokens."""

    kind: str
    tokens: int

    def __str__(self) -> str:
        return f"decode at {self.tokens:,}" if self.kind == "decode" else f"prefill {self.tokens:,}"


class System(Protocol):
    def ask(self, **question: Any) -> dict[str, Any]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class LlamaBench:
    """ik_llama.cpp's own benchmark, one run a question; it draws its tokens itself."""

    command: list[str]

    def ask(self, *, do: str, new_tokens: int = 0, **question: Any) -> dict[str, Any]:
        if do == "prefill":
            test = ["-p", str(len(question["ids"])), "-n", "0"]
        else:
            depth = len(question["prompts"][0])
            test = (
                ["-p", "0", "-n", "0", "-gp", f"{depth},{new_tokens}"]
                if depth > 1
                else ["-p", "0", "-n", str(new_tokens)]
            )
        done = subprocess.run(
            [*self.command, *test, "-r", "1", "-o", "json"],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **SPINNING},
        )
        (found,) = json.loads(done.stdout)
        return {"rate": found["samples_ts"][0]}

    def close(self) -> None:
        """Nothing stays open between questions."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="GGUF files or folders of safetensors")
    parser.add_argument("--activations", nargs="*", default=[], help="litz again with each of these: fast, f32")
    parser.add_argument("--before-python", help="an interpreter with another release of litz")
    parser.add_argument("--llama-python", help="an interpreter with llama-cpp-python")
    parser.add_argument("--ik-bench", help="ik_llama.cpp's llama-bench")
    parser.add_argument("--ik-options", default="", help="more of its options, as one word: '-rtr 1'")
    parser.add_argument("--transformers", type=Path, nargs="*", default=[], metavar="FOLDER", help="F32, BF16, or both")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--depths", type=int, nargs="*", default=[0, 2000, 6000])
    parser.add_argument("--prefill", type=int, nargs="*", default=[32, 512, 2000])
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=8)
    return parser.parse_args()


def systems(options: argparse.Namespace, model: Path, threads: int, *, dtype: str) -> dict[str, System]:
    started: dict[str, System] = {"litz": worker("litz", model, threads)}
    if options.before_python:
        started["litz before"] = worker("litz", model, threads, python=options.before_python)
    for name in options.activations:
        started[f"litz, {name}"] = worker("litz", model, threads, activations=name)
    if options.llama_python and model.suffix == ".gguf":
        for name, flash in (("llama.cpp", False), ("llama.cpp, flash", True)):
            started[name] = worker("llama.cpp", model, threads, python=options.llama_python, flash=flash)
    if options.ik_bench and model.suffix == ".gguf":
        command = [options.ik_bench, "-m", str(model), "-t", str(threads), *options.ik_options.split()]
        started["ik_llama.cpp"] = LlamaBench(command)
    for folder in options.transformers:
        written = json.loads((folder / "config.json").read_text())
        if dtype in _TORCH and written.get("dtype", written.get("torch_dtype")) == _TORCH[dtype]:
            started["transformers"] = worker("transformers", folder, threads)
    return started


def question(figure: Figure, draw: random.Random, prefix: list[int], new_tokens: int) -> dict[str, Any]:
    if figure.kind == "prefill":
        return {"do": "prefill", "ids": fresh(draw, figure.tokens)}
    return {"do": "decode", "prompts": [prefix + fresh(draw, 1)], "new_tokens": new_tokens}


def measure(options: argparse.Namespace, running: Mapping[str, System]) -> dict[Figure, Rates]:
    """Tokens a second: each figure in rounds, in each round every system once; the first round warms up."""
    draw = random.Random(0)
    figures = [Figure("decode", depth) for depth in options.depths]
    figures += [Figure("prefill", tokens) for tokens in options.prefill]
    rates: dict[Figure, Rates] = {figure: {name: [] for name in running} for figure in figures}
    for figure in figures:
        prefix = fresh(draw, figure.tokens) if figure.kind == "decode" else []
        tokens = options.new_tokens if figure.kind == "decode" else figure.tokens
        for number in range(options.rounds + 1):
            for name, system in running.items():
                if number == 0 and isinstance(system, LlamaBench):
                    continue  # warms up by itself
                answer = system.ask(**question(figure, draw, prefix, options.new_tokens))
                if number:
                    rates[figure][name].append(answer.get("rate") or tokens / answer["seconds"])
    return rates


def best_flash(found: Rates) -> Rates:
    """llama.cpp once, with whichever attention was faster."""
    if "llama.cpp" not in found:
        return found
    better = max((found[name] for name in ("llama.cpp", "llama.cpp, flash")), key=median)
    kept = {name: values for name, values in found.items() if name != "llama.cpp, flash"}
    return kept | {"llama.cpp": better}


def share(figure: Figure, rate: float, cost: Work, *, new_tokens: int, found: Limits) -> str:
    """What part of its limit a rate is."""
    if figure.kind == "decode":
        return f"{rate * cost.read(figure.tokens + new_tokens / 2) / found.bandwidth:.0%}"
    limit = found.peak(cost.dtype)
    return f"{rate / figure.tokens * cost.prompt(figure.tokens) / limit:.0%}" if limit else ""


def rows(options: argparse.Namespace, threads: int, cost: Work, running: Mapping[str, System]) -> list[list[str]]:
    before = limits(threads)
    rates = measure(options, running)
    after = limits(threads)
    found = before.best(after)
    print(f"- {threads} thread(s): {found}")
    made = []
    for figure, raw in rates.items():
        all_of_them = best_flash(raw)
        mine = all_of_them.pop("litz")
        row = [str(threads), str(figure), spread(mine)]
        row.append(share(figure, median(mine), cost, new_tokens=options.new_tokens, found=found))
        for values in all_of_them.values():
            row += [spread(values), f"{median(mine) / median(values):.2f}"]
        made.append(row)
    return made


def report(options: argparse.Namespace, model: Path) -> None:
    cost = cost_of(model)
    print(f"\n**{model.name}**, {cost.stored / 1e6:.0f} MB, {form()}")
    print("- stored as " + ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in cost.dtypes.items()))
    print(f"- a token reads {cost.weights / 1e6:.1f} MB of weights and {cost.kv:,} bytes for each position before it")
    made, peers = [], []
    for threads in options.threads:
        running = systems(options, model, threads, dtype=cost.dtype)
        peers = [name for name in running if name not in ("litz", "llama.cpp, flash")]
        made += rows(options, threads, cost, running)
        for system in running.values():
            system.close()
    header = ["threads", "tokens a second", "litz", "share of limit"]
    for name in peers:
        header += [name, "litz / it"]
    print("\n" + table(header, made))
    sys.stdout.flush()


def main() -> None:
    options = arguments()
    for model in options.models:
        report(options, model)


if __name__ == "__main__":
    main()
