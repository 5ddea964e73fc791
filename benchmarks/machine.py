"""The machine's limits, measured in the same run as everything else; systems under test; how results are printed."""

import json
import os
import platform
import random
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from litz import _core

GIGABYTE = 1 << 30
SYSTEM = str(Path(__file__).with_name("system.py"))
# The best setting of systems on OpenMP: their barriers spin.
SPINNING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "1000000"}


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def limits(threads: int, *, rounds: int = 3) -> dict[str, float]:
    """Read bandwidth (bytes a second, over a gigabyte) and the peaks of litz's form (operations a second)."""
    wide = _core.instructions().startswith("avx512")
    width = 512 if wide else 256
    found = {
        "bandwidth": _core.read_bandwidth(threads, GIGABYTE, rounds),
        "fma": _core.fma_peak(threads, width, rounds),
        "bf16": _core.bf16_peak(threads, rounds) if wide else 0.0,
        "int8": _core.int8_peak(threads, width, rounds),
    }
    return {kind: value for kind, value in found.items() if value}  # what the CPU lacks is 0


def peak(dtype: str, found: Mapping[str, float]) -> float | None:
    """The peak that prefill with weights of this dtype is measured by; bfloats without instructions are floats."""
    if dtype == "BF16" and "bf16" in found:
        return found["bf16"]
    return found["fma"] if dtype in ("F32", "F16", "BF16") else found.get("int8")


def describe(found: Mapping[str, float]) -> str:
    """A line of limits."""
    peaks = ", ".join(f"{kind} {value / 1e9:.0f} GOP/s" for kind, value in found.items() if kind != "bandwidth")
    return f"reads {found['bandwidth'] / 1e9:.1f} GB/s; {peaks}"


def form() -> str:
    """The CPU, and the instructions that litz uses on it."""
    return f"{cpu_name()}; litz as {_core.instructions()}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    return f"{median(values):.1f} ({min(values):.0f}-{max(values):.0f})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def fresh(draw: random.Random, count: int) -> list[int]:
    """Token ids that no other run has; all vocabularies here have them."""
    return [draw.randrange(100, 20000) for _ in range(count)]


class Worker:
    """A process that answers one JSON line for each JSON line: systems stay loaded while runs are interleaved."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
        )

    def send(self, **question: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"{self._process.args!r} ended without an answer")

    def ask(self, **question: Any) -> dict[str, Any]:
        self.send(**question)
        return self.receive()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def worker(system: str, model: Path, threads: int, *, python: str = sys.executable, **options: Any) -> Worker:
    """A system with a model, loaded; what spins, spins."""
    environment = {} if system == "litz" else SPINNING
    return Worker([python, SYSTEM, system, str(model), str(threads), json.dumps(options)], environment)
