"""Keys that act because of the tokenizer's class: beside tokenizer.json, and beside a SentencePiece model."""

import inspect
import itertools
import struct
from typing import Any

import pytest
from transformers import AutoTokenizer as Reference
from transformers import LlamaTokenizer
from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

from litz import AutoTokenizer
from litz.errors import ArgumentError
from litz.tokenizers.loading.class_keys import DEFAULTS
from litz.tokenizers.special_tokens import STANDARD
from tests.parity.harness.side_files import NAMES, byte_level, folder

TEXTS = ["a", " a", "a b", "<s>a", "a<s> b", "a</s>b", "  a  b ", "", "</s>"]
GIVEN = (None, False, True)


def config(name: str, **keys: Any) -> dict[str, Any]:
    more = {"pad_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<unk>"}
    settings = {key: value for key, value in keys.items() if value is not None}
    return {**NAMES, **more, "tokenizer_class": name, **settings}


def both(root: Any, **arguments: Any) -> list[list[list[str]]]:
    """The tokens of the texts, to the reference, to us, and to our slow tokenizer."""
    readers = [Reference.from_pretrained(str(root), **arguments)]
    readers += [AutoTokenizer.from_pretrained(root, use_fast=fast, **arguments) for fast in (True, False)]
    return [[reader.tokenize(text) for text in TEXTS] for reader in readers]


CLASSES = ["GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "BartTokenizer", "GPTNeoXTokenizer",
           "CodeGenTokenizer", "WhisperTokenizer", "BlenderbotTokenizer", "CohereTokenizer"]  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_add_prefix_space_acts_in_the_classes_that_build_their_stages(tmp_path, name):
    for at, (written, said) in enumerate(itertools.product((False, True), (False, True))):
        level = {"type": "ByteLevel", "add_prefix_space": written, "trim_offsets": True, "use_regex": True}
        file = byte_level(pre_tokenizer=level)
        root = folder(
            tmp_path / str(at), tokenizer__json=file, tokenizer_config__json=config(name, add_prefix_space=said)
        )
        theirs, *ours = both(root)
        assert ours == [theirs, theirs]
        assert ours[0][0] == (["Ġ", "a"] if said else ["a"])


@pytest.mark.parametrize("name", ["PreTrainedTokenizerFast", "TokenizersBackend", "NoSuchTokenizer"])
def test_add_prefix_space_of_other_classes_is_what_tokenizer_json_says(tmp_path, name):
    root = folder(tmp_path, tokenizer__json=byte_level(), tokenizer_config__json=config(name, add_prefix_space=True))
    theirs, *ours = both(root)
    assert ours == [theirs, theirs]
    with pytest.raises(ArgumentError, match="add_prefix_space=True would have no effect"):
        AutoTokenizer.from_pretrained(root, add_prefix_space=True)


def test_an_argument_acts_as_the_key_does(tmp_path):
    root = folder(tmp_path, tokenizer__json=byte_level(), tokenizer_config__json=config("GPT2Tokenizer"))
    theirs, *ours = both(root, add_prefix_space=True)
    assert ours == [theirs, theirs]


MARK = "\u2581"
PIECES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), MARK, "a", "b", f"{MARK}a", f"{MARK}b"]
PREPEND = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK},
    ],
}  # fmt: skip


def llama_file(**sections: Any) -> dict[str, Any]:
    merges = [f"{MARK} a", f"{MARK} b"]
    vocab = {piece: id for id, piece in enumerate(["<s>", "</s>", "<unk>", *PIECES[3:]])}
    model = {"type": "BPE", "vocab": vocab, "merges": merges}
    model |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    plain: dict[str, Any] = {"normalizer": None, "pre_tokenizer": None, "decoder": None}
    return {**byte_level(), **plain, **sections, "model": model}


STAGES = {
    "marks before all pieces": {"normalizer": PREPEND},
    "marks before the first": {
        "pre_tokenizer": {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}
    },
}


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize(("legacy", "prefix"), [*itertools.product(GIVEN, GIVEN)][1:])
def test_legacy_and_add_prefix_space_act_in_llamas_class(tmp_path, stages, legacy, prefix):
    settings = config("LlamaTokenizer", legacy=legacy, add_prefix_space=prefix)
    root = folder(tmp_path, tokenizer__json=llama_file(**STAGES[stages]), tokenizer_config__json=settings)
    theirs, *ours = both(root)
    assert ours == [theirs, theirs]
    readers = [Reference.from_pretrained(str(root)), AutoTokenizer.from_pretrained(root)]
    texts = [[reader.decode(reader(text)["input_ids"]) for text in TEXTS] for reader in readers]
    assert texts[0] == texts[1]


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, item: Any) -> bytes:
    if isinstance(item, float):
        return varint(number << 3 | 5) + struct.pack("<f", item)
    if isinstance(item, int):
        return varint(number << 3) + varint(item)
    raw = item.encode() if isinstance(item, str) else item
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def sentencepiece() -> bytes:
    """A BPE model file with byte pieces: each piece is a text, a score and a type."""
    kinds = {"<unk>": 2, "<s>": 3, "</s>": 3}
    pieces = [(text, float(-at), kinds.get(text, 6 if text[:3] == "<0x" else 1)) for at, text in enumerate(PIECES)]
    out = b"".join(field(1, field(1, text) + field(2, score) + field(3, kind)) for text, score, kind in pieces)
    return out + field(2, field(3, 2) + field(35, 1)) + field(3, field(3, 1) + field(4, 0) + field(5, 1))


@pytest.mark.parametrize("name", ["LlamaTokenizer", "LlamaTokenizerFast"])
@pytest.mark.parametrize("legacy", GIVEN)
def test_legacy_acts_beside_a_sentencepiece_model(tmp_path, name, legacy):
    settings = {**NAMES, "tokenizer_class": name} | ({} if legacy is None else {"legacy": legacy})
    root = folder(tmp_path, tokenizer__model=sentencepiece(), config__json="{}", tokenizer_config__json=settings)
    keys = {} if legacy is None else {"legacy": legacy}
    vocab = {piece: id for id, piece in enumerate(PIECES)}
    theirs = LlamaTokenizer(vocab=vocab, merges=[(MARK, "a"), (MARK, "b")], **keys)
    for fast in (True, False):
        ours = AutoTokenizer.from_pretrained(root, use_fast=fast)
        assert [ours.tokenize(text) for text in TEXTS] == [theirs.tokenize(text) for text in TEXTS]
    passed = AutoTokenizer.from_pretrained(root, legacy=not legacy)
    assert passed.tokenize("<s>a") == (["<s>", "a"] if legacy else ["<s>", f"{MARK}a"])


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "Cafe", "caf", "##é", "Caf", "你", "好", "你好", "!"]


@pytest.mark.parametrize("lower", GIVEN)
@pytest.mark.parametrize("accents", GIVEN)
@pytest.mark.parametrize("chinese", GIVEN)
def test_keys_of_berts_class_act_beside_its_tokenizer_json(tmp_path, lower, accents, chinese):
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None}
    words = {"type": "WordPiece", "vocab": {word: id for id, word in enumerate(WORDS)}, "unk_token": "[UNK]"}
    file = {
        **byte_level(), "added_tokens": [], "normalizer": {**normalizer, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {**words, "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
    }  # fmt: skip
    settings = {"do_lower_case": lower, "strip_accents": accents, "tokenize_chinese_chars": chinese}
    settings = {key: value for key, value in settings.items() if value is not None}
    named = {f"{word}_token": f"[{word.upper()}]" for word in ("pad", "unk", "cls", "sep", "mask")}
    root = folder(
        tmp_path, tokenizer__json=file, tokenizer_config__json={"tokenizer_class": "BertTokenizer", **named, **settings}
    )
    readers = [Reference.from_pretrained(str(root)), AutoTokenizer.from_pretrained(root)]
    for text in ("Café cafe 你好!", "CAFE\u0301"):
        theirs, ours = (reader.tokenize(text) for reader in readers)
        assert ours == theirs


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_defaults_of_a_class_are_those_of_the_reference(name):
    theirs, ours = tokenizer_class_from_name(f"{name}Tokenizer"), DEFAULTS[name]
    parameters = inspect.signature(theirs.__init__).parameters
    settings = {key: parameters[key].default for key in STANDARD if key in parameters}
    assert {key: token for key, token in settings.items() if token is not None} == ours.tokens
    assert (theirs.padding_side, theirs.model_input_names) == (ours.padding_side, list(ours.input_names))


def test_a_class_names_tokens_and_a_side_where_the_files_are_silent(tmp_path):
    root = folder(tmp_path, tokenizer__json=llama_file(**STAGES["marks before the first"]))
    folder(root, tokenizer_config__json={"tokenizer_class": "LlamaTokenizer", "legacy": False})
    theirs, ours = Reference.from_pretrained(str(root)), AutoTokenizer.from_pretrained(root)
    for name in ("bos_token", "eos_token_id", "unk_token", "pad_token", "padding_side", "all_special_tokens"):
        assert getattr(ours, name) == getattr(theirs, name)
    said = {"tokenizer_class": "LlamaTokenizer", "padding_side": "right", "eos_token": None, "bos_token": "</s>"}
    folder(root, tokenizer_config__json=said)
    ours = AutoTokenizer.from_pretrained(root)
    assert (ours.padding_side, ours.eos_token, ours.bos_token, ours.unk_token) == ("right", None, "</s>", "<unk>")
