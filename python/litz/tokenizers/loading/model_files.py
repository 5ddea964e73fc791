"""Which of a model's files describe its tokenizer, and the padding and truncation of tokenizer.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litz.errors import ConfigError, ModelNotFoundError
from litz.hub import ModelFiles
from litz.numbers import shown

# The first that is there describes the tokenizer.
KINDS = (
    ("json", ("tokenizer.json",)),
    ("tekken", ("tekken.json",)),
    ("model", ("tokenizer.model",)),
    ("model", ("spiece.model",)),
    ("model", ("sentencepiece.bpe.model",)),
    ("tiktoken", ("tiktoken.model",)),
    ("vocab.json", ("vocab.json", "merges.txt")),
    ("vocab.txt", ("vocab.txt",)),
    ("tiktoken", ("qwen.tiktoken",)),
    ("tiktoken", ("multilingual.tiktoken",)),
    ("tiktoken", ("gpt2.tiktoken",)),
)


def found(files: ModelFiles) -> tuple[str, list[Path]]:
    """The kind of the files that describe the tokenizer, and the files."""
    for kind, names in KINDS:
        paths = [path for path in map(files.find, names) if path is not None]
        if len(paths) == len(names):
            return _kind_of_model(paths[0]) if kind == "model" else kind, paths
    looked = ", ".join(" with ".join(names) for _, names in KINDS)
    raise ModelNotFoundError(f"{files.source} has no tokenizer: looked for {looked}")


def _kind_of_model(path: Path) -> str:
    """Llama 3's tiktoken file has the name of SentencePiece's: only one of the two is text."""
    with path.open("rb") as file:
        start = file.read(64)
    return "tiktoken" if start.isascii() and b" " in start and b"\n" in start else "sentencepiece"


# The keys of the sections. Only pad token and sides act: lengths and strategies are arguments of calls.
_PADDING = frozenset("strategy direction pad_to_multiple_of pad_id pad_type_id pad_token".split())
_TRUNCATION = frozenset("direction max_length strategy stride".split())


def padding_and_truncation(stages: Mapping[str, Any]) -> dict[str, Any]:
    """The sections `padding` and `truncation` under the names of tokenizer_config.json."""
    found: dict[str, Any] = {}
    padding = _section(stages, "padding", _PADDING)
    if padding is not None:
        if not isinstance(padding.get("pad_token"), str):
            raise _wrong("padding.pad_token", "a token", padding.get("pad_token"))
        found = {"pad_token": padding["pad_token"] or None, "padding_side": _direction(padding, "padding")}
    truncation = _section(stages, "truncation", _TRUNCATION)
    if truncation is not None:
        found["truncation_side"] = _direction(truncation, "truncation")
    return found


def _section(stages: Mapping[str, Any], name: str, known: frozenset[str]) -> Mapping[str, Any] | None:
    section = stages.get(name)
    if section is None:
        return None
    if not isinstance(section, Mapping):
        raise _wrong(name, "an object", section)
    unknown = next((key for key in section if key not in known), None)
    if unknown is not None:
        raise ConfigError(f"tokenizer.json: {name}.{unknown} is not known; known are {', '.join(sorted(known))}")
    return section


def _direction(section: Mapping[str, Any], name: str) -> str:
    direction = section.get("direction", "Right")
    if direction not in ("Left", "Right"):
        raise _wrong(f"{name}.direction", "'Left' or 'Right'", direction)
    return str(direction).lower()


def _wrong(place: str, expected: str, value: Any) -> ConfigError:
    return ConfigError(f"tokenizer.json: {place} must be {expected}, found {shown(value)}")
