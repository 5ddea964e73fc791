"""What a tokenizer's class adds to its files: keys that change stages, and settings for keys that the files lack.

Where the class is not one of these, or a key is absent, tokenizer.json alone decides what the stages do.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litz import _core
from litz.errors import ArgumentError
from litz.hub import ModelFiles
from litz.tokenizers.backend import TokenizerBackend
from litz.tokenizers.defaults import Side
from litz.tokenizers.loading.side_files import SideKeys, read_object

Stages = dict[str, Any]
MARK = "\u2581"
CLASS = "the tokenizer's class"

_BYTE_LEVEL = """GPT2 Roberta Bart Longformer LED Qwen2 Whisper CodeGen GPTNeoX Blenderbot Deberta Cohere Luke
    LayoutLMv3"""
_BERT = "Bert DistilBert Electra MobileBert Lxmert SqueezeBert ConvBert DPRReader LayoutLM"
# Models whose tokenizers are read from tokenizer.json alone, whatever class their configuration names.
_PLAIN_MODELS = frozenset(
    """mistral mistral3 mixtral ministral ministral3 phi3 phimoe olmo2 olmo3 stablelm granite granitemoe glm glm4
    nemotron jamba internlm2 internlm3 smolvlm modernbert modernbert-decoder minimax_m2 ernie4_5""".split()
)
KEYS = ("add_prefix_space", "legacy", "do_lower_case", "strip_accents", "tokenize_chinese_chars")


@dataclass(frozen=True)
class ClassDefaults:
    """The settings of a class for keys that its configuration lacks."""

    tokens: Mapping[str, str] = field(default_factory=dict)
    padding_side: Side = "right"
    input_names: tuple[str, ...] = ("input_ids", "attention_mask")


def _tokens(**tokens: str) -> dict[str, str]:
    return {f"{name}_token": token for name, token in tokens.items()}


_END = _tokens(bos="<|endoftext|>", eos="<|endoftext|>", unk="<|endoftext|>")
_S = _tokens(bos="<s>", eos="</s>", unk="<unk>")
_ROBERTA = ClassDefaults({**_S, **_tokens(sep="</s>", pad="<pad>", cls="<s>", mask="<mask>")})
_BERT_TOKENS = _tokens(unk="[UNK]", sep="[SEP]", pad="[PAD]", cls="[CLS]", mask="[MASK]")
_COHERE = _tokens(
    bos="<BOS_TOKEN>", eos="<|END_OF_TURN_TOKEN|>", unk="<UNK>", sep="<SEP>", pad="<PAD>", cls="<CLS>",
    mask="<MASK_TOKEN>",
)  # fmt: skip
_TYPED = ("input_ids", "token_type_ids", "attention_mask")
DEFAULTS = {
    **dict.fromkeys(("Roberta", "Bart", "Longformer", "LED", "Blenderbot", "Luke"), _ROBERTA),
    **dict.fromkeys(_BERT.split(), ClassDefaults(_BERT_TOKENS, input_names=_TYPED)),
    **dict.fromkeys(("DistilBert", "DPRReader"), ClassDefaults()),
    **dict.fromkeys(("GPT2", "Whisper", "CodeGen"), ClassDefaults(_END)),
    "GPTNeoX": ClassDefaults({**_END, "pad_token": "<|padding|>"}),
    "Qwen2": ClassDefaults(_tokens(eos="<|endoftext|>", unk="<|endoftext|>", pad="<|endoftext|>")),
    "Deberta": ClassDefaults(
        {**_tokens(bos="[CLS]", eos="[SEP]"), **_BERT_TOKENS},
        input_names=("input_ids", "attention_mask", "token_type_ids"),
    ),
    "Cohere": ClassDefaults(_COHERE, padding_side="left"),
    "Llama": ClassDefaults(_S, padding_side="left"),
    "CodeLlama": ClassDefaults(_S, padding_side="left"),
    "Gemma": ClassDefaults(
        _tokens(bos="<bos>", eos="<eos>", unk="<unk>", pad="<pad>", mask="<mask>"), padding_side="left"
    ),
    "T5": ClassDefaults(_tokens(eos="</s>", unk="<unk>", pad="<pad>")),
}


def family(keys: SideKeys, files: ModelFiles, stages: Mapping[str, Any]) -> str | None:
    """The class that the files name, without the ending; None where tokenizer.json alone counts."""
    name = (keys.text("tokenizer_class") or "").removesuffix("Fast").removesuffix("Tokenizer")
    if str(read_object(files, "config.json").get("model_type")) in _PLAIN_MODELS:
        return None
    # Files of bytes are of another class than Llama's, whatever their configuration names.
    kinds = [part.get("type") for part in _parts(stages.get("pre_tokenizer"), "pretokenizers")]
    return None if name == "Llama" and "ByteLevel" in kinds else name


def put_tokens(keys: SideKeys, name: str | None, core: TokenizerBackend | None) -> None:
    """Sets the special tokens of a class where no file sets them; only tokens of the vocabulary."""
    defaults = DEFAULTS.get(name or "")
    if defaults is not None and core is not None:
        for key, token in defaults.tokens.items():
            if key not in keys and core.token_to_id(token) is not None:
                keys.put(key, token, CLASS)


def put_settings(keys: SideKeys, name: str | None) -> None:
    """The padding side and the input names of a class, where no file has them."""
    defaults = DEFAULTS.get(name or "")
    if defaults is not None:
        for key, value in (("padding_side", defaults.padding_side), ("model_input_names", defaults.input_names)):
            if key not in keys:
                keys.put(key, value, CLASS)


def with_class_keys(core: _core.Tokenizer, files: ModelFiles, keys: SideKeys) -> _core.Tokenizer:
    """The tokenizer with the stages that the configuration's class would build from the keys that are there."""
    stages = json.loads(core.stages())
    given = {key: keys.flag(key) for key in KEYS}
    present = {key: value for key, value in given.items() if value is not None}
    change = _CHANGES.get(family(keys, files, stages) or "")
    if change is None or not present:
        if present.get("add_prefix_space") and keys.passed("add_prefix_space"):
            raise ArgumentError(
                "add_prefix_space=True would have no effect: this tokenizer's class does only what tokenizer.json says"
            )
        return core
    changed = copy.deepcopy(stages)
    change(changed, present)
    return core if changed == stages else core.with_stages(json.dumps(changed))


def _parts(stage: Any, inner: str) -> list[dict[str, Any]]:
    """A stage and those in it."""
    if not isinstance(stage, dict):
        return []
    return [stage, *(part for each in stage.get(inner, ()) for part in _parts(each, inner))]


def _byte_level(stages: Stages, present: Mapping[str, bool]) -> None:
    if "add_prefix_space" in present:
        for part in _parts(stages["pre_tokenizer"], "pretokenizers"):
            if part.get("type") == "ByteLevel":
                part["add_prefix_space"] = present["add_prefix_space"]


def _bert(stages: Stages, present: Mapping[str, bool]) -> None:
    names = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
    names["tokenize_chinese_chars"] = "handle_chinese_chars"
    for part in _parts(stages["normalizer"], "normalizers"):
        if part.get("type") == "BertNormalizer":
            part |= {own: present[key] for key, own in names.items() if key in present}


def _llama(stages: Stages, present: Mapping[str, bool]) -> None:
    """A mark before the first piece, or with `legacy` before every piece that lacks one."""
    normalizers = _parts(stages["normalizer"], "normalizers")
    pre_tokenizers = _parts(stages["pre_tokenizer"], "pretokenizers")
    kinds = {part.get("type") for part in [*normalizers, *pre_tokenizers]}
    if not ({"add_prefix_space", "legacy"} & present.keys() and kinds & {"Prepend", "Replace", "Metaspace"}):
        return
    prefix = present.get("add_prefix_space", True)
    scheme = "never" if not prefix else "always" if present.get("legacy", False) else "first"
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
