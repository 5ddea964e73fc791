"""The process that computes for `checksums.py`: one section, with the litz and the form of kernels of its environment.

    python checksum_cases.py SECTION INPUTS RESULT [--match TEXT] [--short]

Only litz's public names are used, so that old and new trees run it alike. What is refused has the checksum
`error <type>`: messages may be reworded.
"""

import argparse
import hashlib
import json
import logging
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import litz

Case = tuple[str, Callable[[], Any]]  # what it is called, and what is hashed
STEPS = 12
LENGTHS = (1, 2, 5, 22, 40, 257, 260)  # some for each way through the engine; a chunk is 256 tokens
SAMPLING: dict[str, dict[str, Any]] = {
    "greedy": {"do_sample": False},
    "penalties": {"do_sample": False, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "top": {"do_sample": True, "seed": 7, "temperature": 0.8, "top_k": 20, "top_p": 0.9},
    "typical": {"do_sample": True, "seed": 8, "typical_p": 0.7, "top_k": 0},
    "min_p": {"do_sample": True, "seed": 9, "min_p": 0.05, "temperature": 1.5, "top_k": 0},
    "epsilon": {"do_sample": True, "seed": 10, "epsilon_cutoff": 0.002, "eta_cutoff": 0.002, "top_k": 0},
    "several": {"do_sample": True, "seed": 11, "num_return_sequences": 3, "suppress_tokens": [3, 4]},
}


def checksum(value: Any) -> str:
    """Of the raw bytes, or of a value's JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=True, sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def answer(compute: Callable[[], Any]) -> str:
    try:
        return checksum(compute())
    except litz.errors.LitzError as error:
        return f"error {type(error).__name__}"


def ids(length: int, vocab: int, seed: int = 5) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(1, vocab) for _ in range(length)]


def logits(model: Any, prompt: list[int]) -> bytes:
    import numpy as np

    return bytes(model(np.array([prompt])).logits.tobytes())


def row_cases(entry: dict[str, Any]) -> Iterator[Case]:
    """A tiny model: prompts of several lengths, a batch that is continued, and what a kept prefix gives."""
    model = litz.AutoModelForCausalLM.from_pretrained(entry["path"], **entry["options"])
    vocab, context = entry["vocab"], entry["context"]
    for length in LENGTHS:
        if length <= context:
            yield f"logits of {length}", lambda length=length: logits(model, ids(length, vocab))
    prompts = [ids(length, vocab, seed=length) for length in (min(20, context - STEPS), 3, 11)]
    yield "a batch, continued", lambda: continued(model, prompts, do_sample=False)
    yield "a batch, drawn", lambda: continued(model, prompts, do_sample=True, seed=3, top_k=20, temperature=0.9)
    longer = prompts[0] + ids(min(9, context - STEPS - len(prompts[0])), vocab, seed=6)
    yield "a kept prefix, continued", lambda: continued(model, [longer], do_sample=False)


def continued(model: Any, prompts: list[list[int]], *, steps: int = STEPS, **options: Any) -> Any:
    fixed = {"eos_token_id": [], "pad_token_id": 0, "max_new_tokens": steps}
    return model.generate(prompts, **fixed, **options)


def model_cases(entry: dict[str, Any], *, short: bool) -> Iterator[Case]:
    """A real model: a prompt of a chunk and more, or with `short` of 40 tokens, and steps after it."""
    model = litz.AutoModelForCausalLM.from_pretrained(entry["path"], **entry["options"])
    length, steps = (40, 4) if short else (300, 16)
    prompt = ids(length, 20_000)
    yield f"logits of {length}", lambda: logits(model, prompt)
    yield f"{steps} steps", lambda: continued(model, [prompt], steps=steps, do_sample=False)
    if not short:
        yield "a batch", lambda: continued(model, [prompt[:7], prompt[:70], prompt[40:44]], steps=4, do_sample=False)
        for name, options in SAMPLING.items():
            yield f"sampling {name}", lambda options=options: continued(model, [prompt[:30]], steps=8, **options)


EVERYTHING = dict.fromkeys(("return_offsets_mapping", "return_special_tokens_mask", "return_token_type_ids"), True)
CUT = {"truncation": True, "max_length": 12, **EVERYTHING}


def token_cases(entry: dict[str, Any], texts: dict[str, list[str]], *, short: bool) -> Iterator[Case]:
    """A tokenizer: the ids of all texts, and unless `short` all fields of some encodings, and text again."""
    tokenizer = litz.AutoTokenizer.from_pretrained(entry["path"])
    for name, corpus in texts.items():
        if entry["large"] or name == "fuzz":
            yield f"ids of {name}", lambda corpus=corpus: tokenizer(corpus)["input_ids"]
    if short:
        return
    fuzz = texts["fuzz"]
    some = fuzz[::3]
    if entry["large"]:
        some += [text[:2000] for text in (*texts["english"][:40], *texts["code"][:10], *texts["chinese"][:40])]
    yield "vocabulary", lambda: [tokenizer.get_vocab(), len(tokenizer), str(tokenizer.added_tokens_decoder)]
    yield "texts alone", lambda: [tokenizer(text)["input_ids"] for text in fuzz[:300]]
    yield "tokens", lambda: [tokenizer.tokenize(text) for text in fuzz[:200]]
    yield from encoding_cases(tokenizer, some)
    rows = tokenizer([*some, *texts["chinese"][:20]])["input_ids"]
    yield "decoded", lambda: [tokenizer.decode(row) for row in rows]
    yield "decoded without special tokens", lambda: tokenizer.batch_decode(rows, skip_special_tokens=True)
    yield "decoded at random", lambda: [tokenizer.decode(ids(9, len(tokenizer), seed=seed)) for seed in range(300)]
    yield "read once more", lambda: litz.AutoTokenizer.from_pretrained(entry["path"])(fuzz)["input_ids"]
    yield "saved", lambda: saved(tokenizer)


def encoding_cases(tokenizer: Any, texts: list[str]) -> Iterator[Case]:
    """Offsets, words, pairs, pieces and padding."""
    first, second, words = texts[:150], texts[150:300], [text.split() for text in texts[:200]]
    yield "all that is known", lambda: dict(tokenizer(texts, **EVERYTHING))
    yield "without special tokens", lambda: dict(tokenizer(texts, add_special_tokens=False, **EVERYTHING))
    yield "words and places", lambda: places(tokenizer(first))
    yield "cut", lambda: dict(tokenizer(texts, **CUT))
    yield "overflowing", lambda: dict(tokenizer(texts[:200], return_overflowing_tokens=True, stride=3, **CUT))
    yield "pairs", lambda: dict(tokenizer(first, second, **EVERYTHING))
    yield "pairs, cut", lambda: dict(tokenizer(first, second, **CUT))
    yield "words", lambda: dict(tokenizer(words, is_split_into_words=True, **EVERYTHING))
    yield "padded", lambda: padded(tokenizer, texts)


def places(batch: Any) -> list[Any]:
    spans = []
    for row in range(len(batch["input_ids"])):
        words = batch.word_ids(row)
        spans.append([words, batch.sequence_ids(row), [batch.token_to_chars(row, at) for at in range(len(words))]])
    return spans


def padded(tokenizer: Any, texts: list[str]) -> Any:
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    left = tokenizer(texts, padding="max_length", max_length=16, truncation=True, padding_side="left")
    arrays = tokenizer(texts[:100], padding=True, pad_to_multiple_of=8, return_tensors="np")
    return [dict(left), {name: array.tolist() for name, array in arrays.items()}]


def saved(tokenizer: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return (Path(folder) / "tokenizer.json").read_bytes()


def trained_cases(texts: dict[str, list[str]], entries: list[dict[str, Any]]) -> Iterator[Case]:
    """Vocabularies learnt from the texts, one of each kind."""
    corpus = [*texts["english"], *texts["chinese"][:300]]
    for entry in entries:
        tokenizer = litz.AutoTokenizer.from_pretrained(entry["path"])
        yield (
            entry["name"],
            lambda tokenizer=tokenizer: tokenizer.train_new_from_iterator(
                corpus, 1500, show_progress=False
            ).get_vocab(),
        )


def chat_cases(entry: dict[str, Any], talks: list[Any]) -> Iterator[Case]:
    """A real tokenizer's own template: texts and ids, with special tokens in messages trusted and not."""
    tokenizer = litz.AutoTokenizer.from_pretrained(entry["path"])
    if tokenizer.chat_template is None:
        return
    for name, talk in talks[0].items():
        for form in ({"tokenize": False}, {"tokenize": True}, {"tokenize": True, "trust_content": True}):
            for prompt in (False, True):
                options = {"add_generation_prompt": prompt, **form}
                yield (
                    f"{name} {options}",
                    lambda talk=talk, options=options: listed(tokenizer.apply_chat_template(talk, **options)),
                )


def listed(value: Any) -> Any:
    return value if isinstance(value, str | list) else dict(value)


def template_cases(source: str, talks: list[Any], tokenizer: Any) -> Iterator[Case]:
    """A template with every conversation and those variables that it reads."""
    always = {"tools", "documents", "add_generation_prompt"}
    for name, talk in talks[0].items():
        for variant, variables in talks[1].items():
            given = {k: v for k, v in variables.items() if k in always or (k in source and not k.endswith("_token"))}
            yield (
                f"{name}, {variant}",
                lambda talk=talk, given=given: tokenizer.apply_chat_template(
                    talk, chat_template=source, tokenize=False, **given
                ),
            )


def sections(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Iterator[Case]]]]:
    """(entry, its cases) of a section."""
    folder: Path = options.inputs

    def read(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text("utf-8"))

    manifest = read("manifest")
    for entry in (*manifest["rows"], *manifest["models"], *manifest["tokens"]):
        entry["path"] = folder / entry["path"]
    if options.section == "rows":
        yield from ((entry["name"], lambda entry=entry: row_cases(entry)) for entry in manifest["rows"])
    elif options.section == "models":
        for entry in manifest["models"]:
            yield entry["name"], lambda entry=entry: model_cases(entry, short=options.short)
    elif options.section == "tokens":
        texts = read("texts")
        for entry in manifest["tokens"]:
            yield entry["name"], lambda entry=entry: token_cases(entry, texts, short=options.short)
        small = [entry for entry in manifest["tokens"] if not entry["large"] and not entry["name"].startswith("drawn")]
        yield "trained", lambda: trained_cases(texts, small)
    else:
        talks = read("conversations")
        for entry in manifest["tokens"]:
            if entry["large"]:
                yield entry["name"], lambda entry=entry: chat_cases(entry, talks)
        smollm2 = next(entry for entry in manifest["tokens"] if entry["name"].startswith("smollm2"))
        tokenizer = litz.AutoTokenizer.from_pretrained(smollm2["path"])
        for name, source in read("templates").items():
            yield f"template {name}", lambda source=source: template_cases(source, talks, tokenizer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=["rows", "models", "tokens", "chats"])
    parser.add_argument("inputs", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--match", default="")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("litz").setLevel(logging.ERROR)
    found: dict[str, str] = {}
    for name, cases in sections(options):
        if options.match in name:
            try:
                found |= {f"{name}: {what}": answer(compute) for what, compute in cases()}
            except litz.errors.LitzError as error:
                found[name] = f"error {type(error).__name__}"
    options.result.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
