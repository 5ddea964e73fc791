"""`litz tokenizer train`: a tokenizer from text files."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from litz.errors import ArgumentError

if TYPE_CHECKING:
    from litz.tokenizers.training.trainers import Trainer

KINDS = {"bpe": "gpt2", "wordpiece": "bert", "unigram": "sentencepiece", "wordlevel": "bert"}
_BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_UNKNOWN = "<unk>"
_WRITTEN = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="text in UTF-8; each line is a text")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="where tokenizer.json goes")
    parser.add_argument("--force", action="store_true", help="write over the tokenizer that is in DIR")
    parser.add_argument("--vocab-size", metavar="N", type=int, default=32000, help="how many tokens (default: 32000)")
    parser.add_argument("--kind", choices=KINDS, default="bpe", help="the algorithm (default: bpe)")
    parser.add_argument(
        "--preset",
        choices=("gpt2", "llama3", "bert", "sentencepiece"),
        help="how text is cut before (default: gpt2 for bpe, bert for wordpiece, sentencepiece for unigram)",
    )
    parser.add_argument("--special", metavar="TOKEN", action="append", default=[], help="a special token; repeatable")
    parser.add_argument("--min-frequency", metavar="N", type=int, default=0, help="rarer pairs and words are left out")
    parser.add_argument("--max-token-length", metavar="N", type=int, help="bpe: the longest token, in characters")
    parser.add_argument("--limit-alphabet", metavar="N", type=int, help="how many different characters to keep")
    parser.add_argument("--memory", metavar="MB", type=int, default=1024, help="for counting words (default: 1024)")
    parser.add_argument("--threads", metavar="N", type=int, help="default: the cores of this process")


def run(options: argparse.Namespace) -> int:
    """Train and save."""
    from litz.cli.command import UsageError
    from litz.tokenizers import training

    for name in ("vocab_size", "memory"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {getattr(options, name)}; expected 1 or more")
    _refuse_overwriting(options.output, force=options.force)
    preset = options.preset or KINDS[options.kind]
    special = list(dict.fromkeys([*(_BERT if preset == "bert" else []), *options.special]))
    trainer, model = _trainer(options, special)
    tokenizer = training.train(
        options.files, trainer, preset=preset, model=model, threads=options.threads, memory=options.memory << 20
    )
    if preset == "bert":
        for name in ("pad", "unk", "cls", "sep", "mask"):
            setattr(tokenizer, f"{name}_token", f"[{name.upper()}]")
    elif options.kind == "unigram":
        tokenizer.unk_token = _UNKNOWN
    tokenizer.save_pretrained(options.output)
    print(f"{options.output}: {len(tokenizer):,} tokens")
    if len(tokenizer) < options.vocab_size:
        print(_shortfall(options, len(tokenizer)), file=sys.stderr)
    return 0


def _refuse_overwriting(folder: Path, *, force: bool) -> None:
    """Refuses to overwrite a file before the training, not after it."""
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"{folder} is a file; -o names a folder")
    there = [name for name in _WRITTEN if (folder / name).exists()]
    if there and not force:
        raise ArgumentError(f"{folder} has a {there[0]} already; --force writes over it, -o names another folder")


def _shortfall(options: argparse.Namespace, got: int) -> str:
    """Why there are fewer tokens than requested."""
    things = {"bpe": "pairs to join", "wordpiece": "pairs to join", "unigram": "pieces", "wordlevel": "words"}
    often = f" that occur {options.min_frequency} times" if options.min_frequency > 1 else ""
    long = " within --max-token-length" if options.max_token_length else ""
    return (
        f"litz: the vocabulary has {got:,} tokens, not the {options.vocab_size:,} that were requested: the text has no "
        f"more {things[options.kind]}{often}{long}"
    )


def _trainer(options: argparse.Namespace, special: list[str]) -> "tuple[Trainer, dict[str, str]]":
    """The trainer, and the model's settings for its special tokens."""
    from litz.cli.command import UsageError
    from litz.tokenizers import training

    def only(*kinds: str, **requested: int | None) -> None:
        for name, value in requested.items():
            if value and options.kind not in kinds:
                raise UsageError(f"--{name.replace('_', '-')} does nothing for {options.kind}")

    only("bpe", max_token_length=options.max_token_length)
    only("bpe", "wordpiece", limit_alphabet=options.limit_alphabet)
    only("bpe", "wordpiece", "wordlevel", min_frequency=options.min_frequency)
    size, rare, limit = options.vocab_size, options.min_frequency, options.limit_alphabet
    if options.kind == "unigram":
        return training.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token=_UNKNOWN), {}
    unknown = "[UNK]" if "[UNK]" in special else _UNKNOWN
    if options.kind == "bpe":
        longest = options.max_token_length
        return training.BpeTrainer(
            vocab_size=size, special_tokens=special, min_frequency=rare, limit_alphabet=limit, max_token_length=longest
        ), {}
    special = special if unknown in special else [unknown, *special]
    if options.kind == "wordlevel":
        trainer = training.WordLevelTrainer(vocab_size=size, special_tokens=special, min_frequency=rare)
        return trainer, {"unk_token": unknown}
    return training.WordPieceTrainer(
        vocab_size=size, special_tokens=special, min_frequency=rare, limit_alphabet=limit
    ), {"unk_token": unknown}
