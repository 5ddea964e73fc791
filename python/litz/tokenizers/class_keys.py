"""Keys that act beside a tokenizer.json because the class that they belong to builds its stages from them.

Where the class is not one of these, or a key is absent, tokenizer.json alone says what the stages do.
"""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from litz import _core
from litz.errors import ArgumentError
from litz.hub import ModelFiles
from litz.tokenizers.side_files import SideKeys, read_object

Stages = dict[str, Any]
MARK = "\u2581"

_BYTE_LEVEL = """GPT2 Roberta Bart Longformer LED Qwen2 Whisper CodeGen GPTNeoX Blenderbot Deberta Cohere Luke
    LayoutLMv3"""
_BERT = "Bert DistilBert Electra MobileBert Lxmert SqueezeBert ConvBert DPRReader LayoutLM"
# Models whose tokenizers are read from tokenizer.json alone, whatever class their configuration names.
_PLAIN_MODELS = frozenset(
    """mistral mistral3 mixtral ministral ministral3 phi3 phimoe olmo2 olmo3 stablelm granite granitemoe glm glm4
    nemotron jamba internlm2 internlm3 smolvlm modernbert modernbert-decoder minimax_m2 ernie4_5""".split()
)
KEYS = ("add_prefix_space", "legacy", "do_lower_case", "strip_accents", "tokenize_chinese_chars")


def acted_on(core: _core.Tokenizer, files: ModelFiles, keys: SideKeys) -> _core.Tokenizer:
    """The tokenizer with the stages that the configuration's class would build from the keys that are there."""
    given = {key: keys.flag(key) for key in KEYS}
    told = {key: value for key, value in given.items() if value is not None}
    change = _CHANGES.get((keys.text("tokenizer_class") or "").removesuffix("Fast").removesuffix("Tokenizer"))
    if change is None or not told or read_object(files, "config.json").get("model_type") in _PLAIN_MODELS:
        if told.get("add_prefix_space") and keys.passed("add_prefix_space"):
            raise ArgumentError(
                "add_prefix_space=True would have no effect: this tokenizer's class does only what tokenizer.json says"
            )
        return core
    stages = json.loads(core.stages())
    changed = copy.deepcopy(stages)
    change(changed, told)
    return core if changed == stages else core.with_stages(json.dumps(changed))


def _parts(stage: Any, inner: str) -> list[dict[str, Any]]:
    """A stage and those in it."""
    if not isinstance(stage, dict):
        return []
    return [stage, *(part for each in stage.get(inner, ()) for part in _parts(each, inner))]


def _byte_level(stages: Stages, told: Mapping[str, bool]) -> None:
    if "add_prefix_space" in told:
        for part in _parts(stages["pre_tokenizer"], "pretokenizers"):
            if part.get("type") == "ByteLevel":
                part["add_prefix_space"] = told["add_prefix_space"]


def _bert(stages: Stages, told: Mapping[str, bool]) -> None:
    names = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
    names["tokenize_chinese_chars"] = "handle_chinese_chars"
    for part in _parts(stages["normalizer"], "normalizers"):
        if part.get("type") == "BertNormalizer":
            part |= {own: told[key] for key, own in names.items() if key in told}


def _llama(stages: Stages, told: Mapping[str, bool]) -> None:
    """A mark before the first piece, or with `legacy` before every piece that lacks one."""
    normalizers = _parts(stages["normalizer"], "normalizers")
    pre_tokenizers = _parts(stages["pre_tokenizer"], "pretokenizers")
    kinds = {part.get("type") for part in [*normalizers, *pre_tokenizers]}
    # Files that split text in another way are of another class, whatever their configuration says.
    if not ({"add_prefix_space", "legacy"} & told.keys() and kinds & {"Prepend", "Replace", "Metaspace"}):
        return
    if "ByteLevel" in kinds:
        return
    prefix = told.get("add_prefix_space", True)
    scheme = "never" if not prefix else "always" if told.get("legacy", False) else "first"
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    ]  # fmt: skip
    if prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    stages["normalizer"] = None
    stages["pre_tokenizer"] = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": False}
    stages["decoder"] = {"type": "Sequence", "decoders": decoders}


_CHANGES: dict[str, Callable[[Stages, Mapping[str, bool]], None]] = {
    **dict.fromkeys(_BYTE_LEVEL.split(), _byte_level),
    **dict.fromkeys(_BERT.split(), _bert),
    "Llama": _llama,
}
