"""Writes the fuzzers' first inputs to fuzz/corpus: the tests' small files, right and hostile. Run it from the root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.builders import real_shaped_gguf, real_shaped_safetensors
from tests.security.test_hostile_files import HOSTILE_GGUF, HOSTILE_SAFETENSORS

LARGEST = 4096  # a longer seed makes each execution slower than it is worth


def write(target: str, seeds: list[bytes]) -> None:
    """Adds the seeds of one target, without those that are too long to be worth it."""
    folder = Path(__file__).parent / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        if len(seed) <= LARGEST:
            (folder / f"seed-{number:03}").write_bytes(seed)


if __name__ == "__main__":
    write("gguf", [real_shaped_gguf(), *(content for content, _ in HOSTILE_GGUF.values())])
    write("safetensors", [real_shaped_safetensors(), *(content for content, _ in HOSTILE_SAFETENSORS.values())])
