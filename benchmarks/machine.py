"""Systems under test, and how results are printed; the machine's limits are in `litz.measure`."""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from litz import _core, hub
from litz.checkpoint import open_checkpoint
from litz.cli.env import cpu_name
from litz.measure import Work, work_of

SYSTEM = str(Path(__file__).with_name("system.py"))
# The best setting of systems on OpenMP: their barriers spin.
SPINNING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "1000000"}


def form() -> str:
    """The CPU, and the instructions that litz uses on it."""
    return f"{cpu_name()}; litz as {_core.instructions()}"


def cost_of(model: Path) -> Work:
    """What a token of a model in a file or folder costs."""
    return work_of(open_checkpoint(hub.resolve(str(model), want="model")))


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
    """A system with a model, loaded; spinning barriers are left on."""
    environment = {} if system == "litz" else SPINNING
    return Worker([python, SYSTEM, system, str(model), str(threads), json.dumps(options)], environment)
