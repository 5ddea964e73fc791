"""The files of a model on this machine, found by name inside its folder only."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from litz.errors import FileAccessError, FormatError, ModelNotFoundError, UnsupportedError
from litz.hub.gguf_names import choose_gguf, gguf_names
from litz.hub.paths import check_name, resolve_in

Want = Literal["model", "tokenizer", "config"]

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
# Weights that PyTorch pickled: read as tensors alone, where there is nothing else.
PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"

# The files of a model besides its weights: data only, never code.
SIDE_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
    "tiktoken.model",
    "qwen.tiktoken",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
    "tiktoken.model",
    "qwen.tiktoken",
)


@dataclass(frozen=True)
class ModelFiles:
    """Where a model's files are. With `gguf`, everything about the model is in that file; what lies beside it may
    belong to another model."""

    source: str
    root: Path
    gguf: Path | None

    def find(self, name: str) -> Path | None:
        """The file of that name, or None; a name that would leave `root` raises FormatError."""
        path = resolve_in(self.root, name)
        return path if path.is_file() else None

    def weights(self) -> list[Path]:
        """The files that hold the weights; ModelNotFoundError or UnsupportedError where there are none to read."""
        if self.gguf is not None:
            return [self.gguf]
        names = weight_files(self.root)
        if names:
            return [resolve_in(self.root, name) for name in names]
        pickled = weight_files(self.root, whole=PICKLE, index=PICKLE_INDEX)
        if pickled:
            from litz.pickles import as_safetensors

            return [as_safetensors(resolve_in(self.root, name)) for name in pickled]
        refuse_pickles(sorted(entry.name for entry in self.root.iterdir()), self.source)
        raise ModelNotFoundError(f"{self.source} has no {WEIGHTS}, no {INDEX} and no GGUF file in {self.root}")


def is_module_file(name: str) -> bool:
    """Whether it belongs to a module of a sentence-transformers model, such as `1_Pooling/config.json`."""
    return re.fullmatch(r"\d+_\w+/(config\.json|model\.safetensors|pytorch_model\.bin)", name, re.ASCII) is not None


def weight_files(root: Path, *, whole: str = WEIGHTS, index: str = INDEX) -> list[str]:
    """The safetensors files that are the model: `model.safetensors`, or, only without it, those that the index names.

    An index that an earlier save left beside a whole file is ignored, as in transformers. Empty if there is neither;
    files that the index names may be missing. `whole` and `index` are the names of another format's files.
    """
    if resolve_in(root, whole).is_file():
        return [whole]
    path = resolve_in(root, index)
    return shards(path) if path.is_file() else []


def shards(index: Path) -> list[str]:
    """The file names that an index of weights lists, each checked to stay beside it."""
    try:
        weight_map = json.loads(index.read_bytes())["weight_map"]
        names = sorted(set(weight_map.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{index} is no index of weights: expected a JSON object with 'weight_map'") from error
    for name in names:
        if not isinstance(name, str):
            raise FormatError(f"{index}: weight_map names {name!r}, expected file names")
        check_name(name)
    if not names:
        raise FormatError(f"{index}: weight_map is empty")
    return names


def missing(root: Path, want: Want) -> list[str]:
    """The files that a folder lacks to be used for `want`; empty when it is complete."""

    def absent(name: str) -> bool:
        return not resolve_in(root, name).is_file()

    lacking = ["config.json"] if absent("config.json") else []
    if want == "tokenizer":
        return [] if not all(absent(name) for name in TOKENIZER_FILES) else ["tokenizer.json"]
    if want == "config":
        return lacking
    names = weight_files(root) or weight_files(root, whole=PICKLE, index=PICKLE_INDEX)
    return lacking + ([name for name in names if absent(name)] if names else [WEIGHTS])


def select(root: Path, source: str, *, want: Want, gguf_file: str | None = None) -> ModelFiles:
    """The files of a folder that are the model: safetensors with config.json, or a GGUF file; else what is missing."""
    if gguf_file is not None:
        path = resolve_in(root, gguf_file)
        if not path.is_file():
            there = ", ".join(gguf_names([entry.name for entry in root.iterdir()])) or "no GGUF file"
            raise ModelNotFoundError(f"{source} has no file {gguf_file!r}; it has {there}")
        return ModelFiles(source, root, path)
    lacking = missing(root, want)
    names = sorted(entry.name for entry in root.iterdir())
    # A GGUF file counts before pickles, and after safetensors.
    gguf = choose_gguf(names, source) if lacking or (want == "model" and not weight_files(root)) else None
    if not lacking and gguf is None:
        return ModelFiles(source, root, None)
    if gguf is not None and (not lacking or want != "model" or lacking[-1] == WEIGHTS):
        return ModelFiles(source, root, resolve_in(root, gguf))
    if lacking[-1] == WEIGHTS:
        refuse_pickles(names, source)
    raise ModelNotFoundError(
        f"{source} is no complete model: {', '.join(lacking)} missing; expected config.json with model.safetensors "
        "(or an index and all its shards), or a .gguf file"
    )


def refuse_pickles(names: list[str], source: str) -> None:
    """Raise if the only weights are pickles of other names than PyTorch's models have."""
    pickles = [name for name in names if re.fullmatch(r"pytorch_model.*\.bin|.*\.(pt|pth|ckpt)", name)]
    if pickles:
        raise UnsupportedError(
            f"{source} has its weights in {pickles[0]} only: litz reads safetensors, GGUF and {PICKLE} (or its index "
            "and shards); look for a revision with model.safetensors"
        )


def is_gguf(path: Path) -> bool:
    """Whether the file begins as a GGUF file does; its suffix does not matter."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError as error:
        raise FileAccessError(f"cannot read {path}: {error.strerror}") from error
