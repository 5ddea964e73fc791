"""How long until litz is imported, prints its help, and has answered its first token from a cold process?

    python benchmarks/startup.py MODEL.gguf [--transformers-python PATH] [--llama-python PATH]

Whole processes, in turns, the model's file in the page cache. Prints one table of medians.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from machine import cpu_name, median, table

TRANSFORMERS = """
import sys, torch
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer
path = Path(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
messages = [{"role": "user", "content": "Hi"}]
ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
ids = ids["input_ids"] if hasattr(ids, "keys") else ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=1)[0]))
"""
LLAMA = """
import sys
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=2048, n_threads=2, verbose=False)
print(model.create_chat_completion([{"role": "user", "content": "Hi"}], max_tokens=1))
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--transformers-python")
    parser.add_argument("--llama-python")
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def seconds(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    return time.perf_counter() - start


def main() -> None:
    options = arguments()
    model, litz = str(options.model.resolve()), str(Path(sysconfig.get_path("scripts")) / "litz")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import litz": [sys.executable, "-c", "import litz"],
        "litz --help": [litz, "--help"],
        "litz chat MODEL Hi --max-new-tokens 1": [litz, "chat", model, "Hi", "--max-new-tokens", "1"],
    }
    slow = {}
    if options.llama_python:
        slow["llama-cpp-python, the same chat"] = [options.llama_python, "-c", LLAMA, model]
    if options.transformers_python:
        slow["transformers, the same chat"] = [options.transformers_python, "-c", TRANSFORMERS, model]
    taken: dict[str, list[float]] = {name: [] for name in commands | slow}
    for round_number in range(options.rounds + 1):
        for name, command in (commands | (slow if round_number <= 3 else {})).items():
            spent = seconds(command, {**os.environ, "LITZ_OFFLINE": "1"})
            if round_number:  # the first round warms the page cache
                taken[name].append(spent)
    bare = median(taken["python -c pass"])
    print(f"{cpu_name()}, Python {sys.version.split()[0]}; modules that `import litz` brings: {heavy_modules()}")
    print(
        table(
            ["process", "median ms", "min-max ms", "over bare Python, ms"],
            [
                [
                    name,
                    f"{median(t) * 1e3:.0f}",
                    f"{min(t) * 1e3:.0f}-{max(t) * 1e3:.0f}",
                    f"{(median(t) - bare) * 1e3:.0f}",
                ]
                for name, t in taken.items()
            ],
        )
    )


def heavy_modules() -> str:
    code = (
        "import sys, litz; print([m for m in ('numpy', 'torch', 'huggingface_hub', 'litz._core') if m in sys.modules])"
    )
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
