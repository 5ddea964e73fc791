"""`litz bench`: measures decoding and prompts, beside the machine's limits."""

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from litz.cli.arguments import names
from litz.cli.arguments.generation import number

if TYPE_CHECKING:
    from litz.measure import Limits, Work
    from litz.models.native import NativeCausalLM


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    count = number(int, 1, 1 << 20)
    parser.add_argument("model", metavar="MODEL", nargs="?", help=names.MODEL_HELP)
    names.configure(parser)
    parser.add_argument("-p", "--prompt", type=count, nargs="+", default=[512], metavar="N", help="lengths of prompts")
    parser.add_argument("-n", "--new-tokens", type=count, default=64, metavar="N", help="how many tokens to decode")
    parser.add_argument(
        "-d", "--depth", type=number(int, 0, 1 << 20), nargs="+", default=[0], metavar="N",
        help="decode after so many tokens",
    )  # fmt: skip
    parser.add_argument(
        "-t", "--threads", type=number(int, 1, 1024), nargs="+", metavar="N", help="numbers of threads to try"
    )
    parser.add_argument("-r", "--repeat", type=count, default=5, metavar="N", help="rounds that medians are taken of")
    parser.add_argument("--activations", choices=("auto", "fast", "f32"), default="auto", help="as in from_pretrained")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


@dataclass(frozen=True)
class Result:
    """One row of the table; rates are tokens a second."""

    threads: int
    test: str
    tokens: int
    rate: float
    slowest: float
    fastest: float
    limit: str  # what limits it
    share: float | None  # of that limit; None where it is not known


def run(options: argparse.Namespace) -> int:
    """Measure, and print one table."""
    from litz import _core, hub
    from litz.checkpoint import open_checkpoint
    from litz.measure import limits, work_of

    files = hub.resolve(names.one_model(options.model, options.named), want="model")
    work = work_of(open_checkpoint(files))
    results: list[Result] = []
    machine: dict[int, Limits] = {}
    seconds, peak = 0.0, 0
    for threads in options.threads or [_core.available_threads()]:
        model, seconds = _loaded(files.gguf or files.root, threads, options.activations)
        rates = _rates(model, options)
        peak = peak or _peak_bytes()  # measuring the limits takes another gigabyte
        machine[threads] = limits(threads).best(limits(threads))
        results += [_result(threads, rate, work=work, limits=machine[threads], options=options) for rate in rates]
    facts = {**_facts(files.source, work), "load_seconds": seconds, "peak_bytes": peak}
    if options.json:
        limits_found = {threads: asdict(found) for threads, found in machine.items()}
        print(json.dumps({**facts, "limits": limits_found, "results": [asdict(result) for result in results]}))
    else:
        _print(facts, machine, results)
    return 0


def _loaded(path: Path, threads: int, activations: Literal["auto", "fast", "f32"]) -> "tuple[NativeCausalLM, float]":
    from litz.models.auto import AutoModelForCausalLM

    start = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(path, threads=threads, activations=activations)
    return model, time.perf_counter() - start


@dataclass(frozen=True)
class Rates:
    """Tokens a second of one test, round by round."""

    test: str
    tokens: int
    rates: list[float]


def _rates(model: "NativeCausalLM", options: argparse.Namespace) -> list[Rates]:
    """Every test, each round on tokens of its own; the first round warms up."""
    from litz.measure import Runner, fresh
    from litz.numbers import integer

    runner, draw, vocab = Runner(model._core), random.Random(), model.spec.vocab
    for name, tokens in (("--prompt", max(options.prompt) + 1), ("--depth", max(options.depth) + options.new_tokens)):
        integer(tokens, f"{name}, with what is decoded after it,", most=model.spec.context)
    found: list[Rates] = []
    for depth in options.depth:
        prefix = fresh(draw, depth, vocab=vocab)
        prompts = [prefix + fresh(draw, 1, vocab=vocab) for _ in range(options.repeat + 1)]
        taken = [runner.decode([prompt], options.new_tokens) for prompt in prompts]
        found.append(Rates("decode", depth, [options.new_tokens / seconds for seconds in taken[1:]]))
    for tokens in options.prompt:
        prompts = [fresh(draw, tokens, vocab=vocab) for _ in range(options.repeat + 1)]
        taken = [runner.prefill(prompt) for prompt in prompts]
        found.append(Rates("prefill", tokens, [tokens / seconds for seconds in taken[1:]]))
    return found


def _result(threads: int, found: Rates, *, work: "Work", limits: "Limits", options: argparse.Namespace) -> Result:
    rate = median(found.rates)
    limit, share = "memory", None
    if found.test == "decode":
        share = rate * work.read(found.tokens + options.new_tokens / 2) / limits.bandwidth
    else:
        limit, peak = "arithmetic", limits.peak(work.dtype)
        share = rate / found.tokens * work.prompt(found.tokens) / peak if peak else None
    return Result(threads, found.test, found.tokens, rate, min(found.rates), max(found.rates), limit, share)


def _peak_bytes() -> int:
    """The most memory that this process has held; 0 if the system does not report it."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _facts(source: str, work: "Work") -> dict[str, Any]:
    import platform

    from litz import __version__, _core
    from litz.cli.env import cpu_name

    return {
        "model": source,
        "stored": work.dtypes,
        "bytes": work.stored,
        "cpu": cpu_name(),
        "instructions": _core.instructions(),
        "litz": __version__,
        "python": platform.python_version(),
        "token_bytes": work.weights,
    }


def _print(facts: dict[str, Any], machine: "dict[int, Limits]", results: list[Result]) -> None:
    from litz.hub.progress import size

    stored = ", ".join(f"{name} {size(count)}" for name, count in list(facts["stored"].items())[:4])
    print(f"{facts['model']}: {size(facts['bytes'])} ({stored})")
    print(f"{facts['cpu']}, {facts['instructions']}; litz {facts['litz']}, Python {facts['python']}")
    print(f"loaded in {facts['load_seconds']:.2f} s; {size(facts['peak_bytes'])} of memory at most")
    for threads, found in machine.items():
        print(f"{threads} thread{'s' if threads > 1 else ''}: the machine {found}")
    print()
    print(f"{'threads':>7}  {'test':<18}  {'tokens/s':>9}  {'range':>15}  share of the limit")
    for result in results:
        name = f"decode at {result.tokens:,}" if result.test == "decode" else f"prefill {result.tokens:,}"
        ends = f"{result.slowest:.1f}-{result.fastest:.1f}"
        share = "not known" if result.share is None else f"{result.share:.0%} of {result.limit}"
        print(f"{result.threads:>7}  {name:<18}  {result.rate:>9.1f}  {ends:>15}  {share}")
    if any((result.share or 0) > 1 for result in results):
        print("\nmore than 100 % of memory: the weights fit into the CPU's caches")
