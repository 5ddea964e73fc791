"""Every argument and attribute of transformers' tokenizers: here too, or in one of the lists of this file."""

import inspect
import re
from typing import Any

import pytest
from transformers import AutoTokenizer as ReferenceAuto
from transformers import PreTrainedTokenizerFast as Reference
from transformers import tokenization_utils_base as base

from litz import AutoTokenizer, PreTrainedTokenizerFast
from litz.errors import ArgumentError
from litz.tokenizers.loading.known_keys import NEUTRAL, SETTINGS
from tests.parity.harness.side_files import NAMES, byte_level, folder

# Names that this release does not have.
ABSENT = set(
    """SPECIAL_TOKENS_ATTRIBUTES can_save_slow_tokenizer convert_added_tokens convert_to_native_format decoder
    encode_message_with_chat_template get_response_parser model parse_response pretrained_vocab_files_map push_to_hub
    register_for_auto_class save_chat_templates set_truncation_and_padding slow_tokenizer_class
    vocab_files_names""".split()
)
# Attributes of each tokenizer there, not of its class here.
OF_INSTANCES = {"pad_token_type_id", "padding_side", "truncation_side"}
# Arguments that gather others.
GATHERING = {"self", "args", "kwargs", "init_inputs", "inputs"}
# Documented arguments of loading that are arguments of loading here.
OF_LOADING = {"cache_dir", "force_download", "local_files_only", "token", "revision", "trust_remote_code", "proxies",
              "subfolder", "use_fast", "tokenizer_type", "config", "gguf_file"}  # fmt: skip


@pytest.fixture
def root(tmp_path: Any) -> Any:
    return folder(tmp_path, tokenizer__json=byte_level(), tokenizer_config__json={**NAMES, "pad_token": "</s>"})


def public() -> list[str]:
    return [name for name in dir(Reference) if name == "__call__" or not name.startswith("_")]


def test_every_name_is_here_or_listed():
    missing = {name for name in public() if not hasattr(PreTrainedTokenizerFast, name)}
    assert missing == ABSENT | OF_INSTANCES


def test_every_argument_of_every_method_is_here():
    lacking = {}
    for name in public():
        theirs, ours = getattr(Reference, name), getattr(PreTrainedTokenizerFast, name, None)
        if callable(theirs) and callable(ours) and name != "from_pretrained":
            known = {*inspect.signature(ours).parameters, *GATHERING}
            lacking[name] = [argument for argument in inspect.signature(theirs).parameters if argument not in known]
    assert {name: arguments for name, arguments in lacking.items() if arguments} == {}


def documented() -> set[str]:
    """The arguments that the documentation of loading and of constructors lists, and those of the signatures."""
    texts = (base.INIT_TOKENIZER_DOCSTRING, Reference.from_pretrained.__doc__, ReferenceAuto.from_pretrained.__doc__)
    named = {name for text in texts for name in re.findall(r"^ +(\w+) \(", text or "", re.MULTILINE)}
    named -= {"kwargs", "inputs", "init_inputs", "file", "pretrained_model_name_or_path"}
    return named | set(inspect.signature(Reference.from_pretrained).parameters) - GATHERING


def test_every_argument_of_loading_is_here():
    known = {*inspect.signature(AutoTokenizer.from_pretrained).parameters, *SETTINGS, *NEUTRAL}
    assert documented() - known == set()
    assert known >= OF_LOADING


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_an_argument_without_effect_is_accepted_where_it_asks_for_nothing(root, name):
    for value in NEUTRAL[name]:
        assert AutoTokenizer.from_pretrained(root, **{name: value})("a")["input_ids"] == [67]
    with pytest.raises(ArgumentError, match=name):
        AutoTokenizer.from_pretrained(root, **{name: "something"})


def test_an_argument_that_nobody_knows_is_refused_with_the_nearest_names(root):
    with pytest.raises(ArgumentError, match=r"paddingside=.*did you mean padding_side"):
        AutoTokenizer.from_pretrained(root, paddingside="left")
    with pytest.raises(ArgumentError, match=r"tokenizer_kwargs: 'max_lenght'.*max_length"):
        AutoTokenizer.from_pretrained(root)("a", tokenizer_kwargs={"max_lenght": 3})


HARMLESS = {
    "decode": [{"spaces_between_special_tokens": False}, {"clean_up_tokenization_spaces": False},
               {"use_source_tokenizer": False}],
    "batch_decode": [{"spaces_between_special_tokens": True}, {"clean_up_tokenization_spaces": True}],
    "save_pretrained": [{"legacy_format": False}, {"filename_prefix": None}, {"push_to_hub": False},
                        {"save_format": "hf"}, {"save_jinja_files": True}],
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_options_that_ask_for_nothing_are_accepted(root, name, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(root)
    first = {"decode": [67], "batch_decode": [[67]], "save_pretrained": tmp_path / "out"}[name]
    for options in HARMLESS[name]:
        assert getattr(tokenizer, name)(first, **options) == getattr(tokenizer, name)(first)


@pytest.mark.parametrize("options", [{"legacy_format": True}, {"filename_prefix": "x"}, {"push_to_hub": True},
                                     {"save_format": "mistral"}])  # fmt: skip
def test_other_formats_of_files_are_refused_by_name(root, tmp_path, options):
    with pytest.raises(ArgumentError, match=f"{next(iter(options))}=.*not done by this release"):
        AutoTokenizer.from_pretrained(root).save_pretrained(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_rows_without_options_are_those_of_the_reference(root):
    theirs, ours = Reference.from_pretrained(str(root)), AutoTokenizer.from_pretrained(root)
    calls: list[dict[str, Any]] = [
        {"tokenizer_kwargs": {"max_length": 2, "truncation": True}}, {"verbose": False}, {"padding": True},
        {"padding": True, "truncation": True}, {"max_length": 2},
        {"split_special_tokens": True}, {"padding": "longest", "pad_to_multiple_of": 4, "padding_side": "left"},
    ]  # fmt: skip
    for options in calls:
        assert dict(ours(["ab<s>", "c"], **options)) == dict(theirs(["ab<s>", "c"], **options))
    assert ours.encode("a<s>", split_special_tokens=True) == theirs.encode("a<s>", split_special_tokens=True)
    assert ours.tokenize("a<s>", split_special_tokens=True) == theirs.tokenize("a<s>", split_special_tokens=True)
