"""Which sampling settings make the default model answer sensibly, and how often does it loop?

    python benchmarks/answers.py [--new-tokens 1024] [--save ANSWERS.json] [--setting NAME]...

One table: for each setting, over the questions and the seeds, how many answers ran into a loop, how many into the cap,
the mean length, and how many seeds answered "What is the capital of France?" with Paris. Whether an answer is sensible
is counted by hand, by reading what --save wrote; docs/log.md has those counts.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from litz import AutoModelForCausalLM, AutoTokenizer
from litz.generation.loops import LoopWatch

CAPITAL = "What is the capital of France?"
QUESTIONS = (
    # facts
    CAPITAL,
    "who wrote romeo and juliet?",
    "What is photosynthesis?",
    "How far is the moon from the earth?",
    "Why is the sky blue?",
    "When did World War 2 end?",
    "What's the difference between a virus and a bacteria?",
    # how to
    "How do I boil an egg?",
    "how can I sleep better",
    "How do I tie a tie?",
    "How do I get rid of ants in my kitchen?",
    "How do I learn to play the guitar?",
    # short writing
    "Write a short poem about the sea.",
    "Write an email to my boss asking for a day off on Friday.",
    "Tell me a joke",
    "Write a two sentence story about a dragon.",
    "Write a birthday message for my mother.",
    # arithmetic
    "What is 2 + 2?",
    "What is 12 times 7?",
    "If I have 10 apples and eat 3, how many are left?",
    # small talk
    "Hello!",
    "hi, how are you?",
    "What can you do?",
    "Who are you?",
    # code
    "Write a Python function that reverses a string.",
    "How do I print hello world in JavaScript?",
    "What is a for loop?",
    # lists
    "Give me 5 ideas for a birthday party.",
    "List three healthy breakfast foods.",
    "Name ten animals that live in the ocean.",
)
SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"do_sample": False},
    "0.2/0.9": {"do_sample": True, "temperature": 0.2, "top_p": 0.9},
    "0.2/0.9, penalty 1.05": {"do_sample": True, "temperature": 0.2, "top_p": 0.9, "repetition_penalty": 1.05},
    "0.2/0.9, penalty 1.1": {"do_sample": True, "temperature": 0.2, "top_p": 0.9, "repetition_penalty": 1.1},
    "0.2/0.5, penalty 1.05": {"do_sample": True, "temperature": 0.2, "top_p": 0.5, "repetition_penalty": 1.05},
    "0.7/0.9": {"do_sample": True, "temperature": 0.7, "top_p": 0.9},
}


@dataclass(frozen=True)
class Answer:
    """One answer; `looped_after` is the number of tokens after which the detector would have stopped it."""

    setting: str
    question: str
    seed: int
    text: str
    tokens: int
    looped_after: int | None
    capped: bool


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="SmolLM2-135M-Instruct")
    parser.add_argument("--new-tokens", type=int, default=1024, help="the cap of an answer")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--capital-seeds", type=int, default=10, help="seeds for the capital of France")
    parser.add_argument("--setting", action="append", choices=list(SETTINGS), help="only these; may be repeated")
    parser.add_argument("--save", type=Path, help="a file for all answers, as JSON")
    return parser.parse_args()


def loop_in(pieces: Sequence[str]) -> int | None:
    """After how many tokens the detector would have stopped this answer."""
    watch = LoopWatch()
    return next((place for place, piece in enumerate(pieces, 1) if watch.add(piece)), None)


class Asker:
    """The model, which answers several questions at a time."""

    def __init__(self, name: str, new_tokens: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(name)
        self.model = AutoModelForCausalLM.from_pretrained(name)
        self.new_tokens = new_tokens

    def ask(self, setting: str, questions: Sequence[str], *, seed: int) -> list[Answer]:
        """The answers of one seed; greedy needs none."""
        messages = [[{"role": "user", "content": question}] for question in questions]
        prompts = [list(self.tokenizer.apply_chat_template(each, add_generation_prompt=True)) for each in messages]
        chosen = SETTINGS[setting]
        drawn = {"seed": seed} if chosen["do_sample"] else {}
        rows: list[list[str]] = [[] for _ in prompts]
        finished = [""] * len(prompts)
        tokens = self.model.stream(prompts, tokenizer=self.tokenizer, max_new_tokens=self.new_tokens, **chosen, **drawn)
        for token in tokens:
            rows[token.row].append(token.text or "")
            finished[token.row] = token.finish_reason or ""
        return [
            Answer(setting, question, seed, "".join(row), len(row), loop_in(row), finish == "length")
            for question, row, finish in zip(questions, rows, finished, strict=True)
        ]


def report(answers: list[Answer], paris: dict[str, str]) -> None:
    print("| temperature/top_p | answers | loops | longest until stopped | at the cap | mean tokens | Paris |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for setting in dict.fromkeys(answer.setting for answer in answers):
        own = [answer for answer in answers if answer.setting == setting]
        looped = [answer.looped_after for answer in own if answer.looped_after is not None]
        print(
            f"| {setting} | {len(own)} | {len(looped)} | {max(looped, default=0)} | {sum(a.capped for a in own)} | "
            f"{mean(answer.tokens for answer in own):.0f} | {paris[setting]} |"
        )
    print("\nSensible answers are counted by hand: read what --save wrote.")


def main() -> None:
    options = arguments()
    asker = Asker(options.model, options.new_tokens)
    answers, paris = list[Answer](), dict[str, str]()
    for setting in options.setting or SETTINGS:
        seeds = options.seeds if SETTINGS[setting]["do_sample"] else 1
        for seed in range(seeds):
            answers += asker.ask(setting, QUESTIONS, seed=seed)
        drawn = options.capital_seeds if SETTINGS[setting]["do_sample"] else 1
        capitals = [asker.ask(setting, [CAPITAL], seed=seed)[0] for seed in range(drawn)]
        paris[setting] = f"{sum('Paris' in answer.text for answer in capitals)} of {drawn}"
        if options.save:
            options.save.write_text(json.dumps([asdict(each) for each in answers], indent=1, ensure_ascii=False))
    report(answers, paris)


if __name__ == "__main__":
    main()
