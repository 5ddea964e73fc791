"""The stages around a model to be trained: the components of well-known tokenizers, as in tokenizer.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litz.errors import ArgumentError

Component = Mapping[str, Any]

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)"
    r"|\s+"
)


@dataclass(frozen=True)
class Preset:
    """The components of a tokenizer; a post-processor names its special tokens and gets their ids after training."""

    normalizer: Component | None = None
    pre_tokenizer: Component | None = None
    decoder: Component | None = None
    post_processor: Component | None = None

    @property
    def byte_level(self) -> bool:
        """Whether words are bytes, of which each must have a token."""
        return is_byte_level(self.pre_tokenizer)


def is_byte_level(pre_tokenizer: Component | None) -> bool:
    """Whether a pre-tokenizer turns bytes into characters."""
    if pre_tokenizer is None:
        return False
    stages = [pre_tokenizer, *pre_tokenizer.get("pretokenizers", ())]
    return any(stage["type"] == "ByteLevel" for stage in stages)


def byte_alphabet() -> list[str]:
    """The 256 characters that stand for bytes, in the order of the bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _byte_level(*, use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _bert_template() -> dict[str, Any]:
    def token(name: str, kind: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": kind}}

    def text(name: str, kind: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    single = [token("[CLS]", 0), text("A", 0), token("[SEP]", 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, text("B", 1), token("[SEP]", 1)],
        "special_tokens": {name: {"id": name, "ids": [], "tokens": [name]} for name in ("[CLS]", "[SEP]")},
    }


def _metaspace() -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def preset(name: str) -> Preset:
    """The components of "gpt2", "llama3", "bert" or "sentencepiece"."""
    known = {
        "gpt2": Preset(pre_tokenizer=_byte_level(use_regex=True), decoder=_byte_level(use_regex=True)),
        "llama3": Preset(
            pre_tokenizer={
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": _LLAMA3}, "behavior": "Isolated", "invert": False},
                    _byte_level(use_regex=False),
                ],
            },
            decoder=_byte_level(use_regex=False),
        ),
        "bert": Preset(
            normalizer={
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": None,
                "lowercase": True,
            },
            pre_tokenizer={"type": "BertPreTokenizer"},
            decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
            post_processor=_bert_template(),
        ),
        "sentencepiece": Preset(
            normalizer={
                "type": "Sequence",
                "normalizers": [
                    {"type": "NFKC"},
                    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
                ],
            },
            pre_tokenizer=_metaspace(),
            decoder=_metaspace(),
        ),
    }
    if name not in known:
        raise ArgumentError(f"no preset is called {name!r}; there are {', '.join(known)}")
    return known[name]
