"""The GGUF name of the splits of a tokenizer.json."""

from collections.abc import Mapping
from typing import Any

from litz.errors import UnsupportedError

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_WORDS}|\p{{N}}{{1,3}}|{_REST}"
_QWEN2 = rf"{_WORDS}|\p{{N}}|{_REST}"
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DIGIT = r"\p{N}"
# (patterns one after the other, whether text is composed first, whether a piece that is a token is that token)
_NAMES = {
    ((_GPT2,), False, False): "gpt-2",
    ((_DIGIT, _GPT2), False, False): "smollm",
    ((_LLAMA3,), False, True): "llama-bpe",
    ((_LLAMA3,), False, False): "smaug-bpe",
    ((_QWEN2,), True, False): "qwen2",
    ((_QWEN2,), False, False): "stablelm2",
    ((_TEKKEN,), False, True): "tekken",
}


def name_of(stages: Mapping[str, Any], *, ignore_merges: bool, where: str) -> str:
    """The name of a byte-level tokenizer's splits; UnsupportedError for those that GGUF has no name of."""
    patterns, normalizer = _patterns(stages.get("pre_tokenizer")), stages.get("normalizer")
    composed = normalizer == {"type": "NFC"}
    found = None
    if patterns is not None and (composed or normalizer is None):
        found = _NAMES.get((patterns, composed, ignore_merges))
    if found is None:
        known = ", ".join(_NAMES.values())
        raise UnsupportedError(
            f"{where}: how its tokenizer splits text has no GGUF name among the known ones ({known})"
        )
    return found


def _patterns(stage: Any) -> tuple[str, ...] | None:
    """The patterns whose matches are pieces, None for a stage that splits otherwise."""
    if not isinstance(stage, Mapping):
        return None
    kind = stage.get("type")
    if kind == "Sequence":
        parts = [_patterns(part) for part in stage.get("pretokenizers", ())]
        return None if None in parts else tuple(pattern for part in parts if part for pattern in part)
    if kind == "ByteLevel":
        return None if stage.get("add_prefix_space") else (_GPT2,) if stage.get("use_regex", True) else ()
    if kind == "Digits":
        return (_DIGIT,) if stage.get("individual_digits") else None
    pattern = stage.get("pattern")
    if kind != "Split" or not isinstance(pattern, Mapping) or "Regex" not in pattern:
        return None
    isolated = stage.get("behavior") == "Isolated" and not stage.get("invert")
    return (str(pattern["Regex"]),) if isolated else None
