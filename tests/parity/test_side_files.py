"""Files beside tokenizer.json: what they say is done as transformers does it, or refused by name."""

import tempfile
import warnings
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer as Reference

from litz import AutoTokenizer
from litz.errors import LitzError
from tests.parity.harness.side_files import NAMES, agree, byte_level, facts, folder

QUICK = settings(max_examples=60, derandomize=True, deadline=None)

PADDING = {
    "strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0,
    "pad_token": "</s>",
}  # fmt: skip
TRUNCATION = {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0}

words = st.sampled_from(["<x>", "<y>", "<z>", "[PAD]", "a", "</s>", "<unk>"])
flags = st.fixed_dictionaries(
    {"normalized": st.booleans()},
    optional=dict.fromkeys(("single_word", "lstrip", "rstrip", "special"), st.booleans()),
)
objects = st.builds(lambda word, more: {"__type": "AddedToken", "content": word, **more}, words, flags)
wrong = st.sampled_from([5, -1, 1.5, True, "", "x", [], {}, [3], {"a": 5}, [[]]])
tokens = st.one_of(words, words, objects, st.none(), wrong)
lists = st.one_of(
    st.lists(st.one_of(words, objects), max_size=3),
    st.dictionaries(st.sampled_from(["image_token", "boi", "eoi_token"]), words, max_size=2),
    st.none(),
    wrong,
)
booleans = st.one_of(st.booleans(), st.booleans(), st.none(), wrong)
decoders = st.one_of(
    st.dictionaries(
        st.sampled_from(["0", "1", "70", "259", "260", "300", "x"]),
        st.builds(lambda word, more: {"content": word, **more}, words, flags),
        max_size=3,
    ),
    wrong,
)
VALUES = {
    **{f"{name}_token": tokens for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask", "image")},
    "additional_special_tokens": lists,
    "extra_special_tokens": lists,
    "added_tokens_decoder": decoders,
    "padding_side": st.one_of(st.sampled_from(["left", "right"]), wrong),
    "truncation_side": st.one_of(st.sampled_from(["left", "right"]), wrong),
    "model_max_length": st.one_of(st.sampled_from([1, 7, 512, 10**9, 10**15, 1e30, 2**63]), st.none(), wrong),
    "model_input_names": st.one_of(
        st.sampled_from([["input_ids"], ["input_ids", "token_type_ids", "attention_mask"]]), wrong
    ),
    "clean_up_tokenization_spaces": booleans,
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": booleans,
    "split_special_tokens": booleans,
    "add_bos_token": booleans,
    "add_eos_token": booleans,
    "add_prefix_space": booleans,
    "legacy": booleans,
    "do_lower_case": booleans,
    "chat_template": st.one_of(st.just("{{ 1 }}"), st.just([{"name": "default", "template": "x"}]), wrong),
    "max_length": st.one_of(st.integers(1, 9), wrong),
    "stride": wrong,
    "tokenizer_class": st.sampled_from(["PreTrainedTokenizerFast", "TokenizersBackend", "NoSuchTokenizer"]),
    "name_or_path": wrong,
    "errors": wrong,
    "spaces_between_special_tokens": booleans,
    "sp_model_kwargs": wrong,
    "pad_token_type_id": wrong,
    "something_new": wrong,
}


def configurations(most: int) -> st.SearchStrategy:
    """A few keys with values of right and of wrong kinds."""
    keys = st.lists(st.sampled_from(sorted(VALUES)), max_size=most, unique=True)
    return keys.flatmap(lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names}))


@QUICK
@given(st.one_of(configurations(1), configurations(4)))
def test_any_key_of_the_configuration_acts_as_in_transformers_or_is_named(config):
    with tempfile.TemporaryDirectory() as root:
        folder(Path(root), tokenizer__json=byte_level(), tokenizer_config__json={**NAMES, **config})
        agree(Path(root), named=[*config, "added_tokens"])


@QUICK
@given(
    configurations(2),
    st.dictionaries(
        st.sampled_from(["bos_token", "pad_token", "image_token", "additional_special_tokens", "extra_special_tokens"]),
        st.one_of(words, objects, st.lists(words, max_size=2)),
        max_size=3,
    ),
    st.dictionaries(words, st.sampled_from([0, 1, 70, 259, 260, 300, "x", -1, 2**32, 1.5]), max_size=3),
)
def test_older_files_of_special_tokens_act_as_in_transformers_or_are_named(config, listed, added):
    with tempfile.TemporaryDirectory() as root:
        folder(
            Path(root), tokenizer__json=byte_level(), tokenizer_config__json={**NAMES, **config},
            special_tokens_map__json=listed, added_tokens__json=added,
        )  # fmt: skip
        agree(Path(root), named=[*config, *listed, "added_tokens"])


ARGUMENTS = sorted(
    {name for name in VALUES if not name.startswith("add_") and name not in ("tokenizer_class", "something_new")}
    - {"max_length", "stride", "pad_token_type_id", "name_or_path", "errors", "sp_model_kwargs", "do_lower_case"}
)


@QUICK
@given(
    st.lists(st.sampled_from(ARGUMENTS), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names})
    ),
    configurations(2),
)
def test_arguments_count_before_the_files_as_in_transformers_or_are_named(arguments, config):
    with tempfile.TemporaryDirectory() as root:
        folder(Path(root), tokenizer__json=byte_level(), tokenizer_config__json={**NAMES, **config})
        agree(Path(root), named=[*config, *arguments], **arguments)


@QUICK
@given(
    configurations(3),
    st.sampled_from([None, PADDING, {**PADDING, "direction": "Right", "pad_token": "<q>"}]),
    st.sampled_from([None, TRUNCATION, {**TRUNCATION, "direction": "Right"}]),
)
def test_sections_of_padding_and_truncation_count_where_the_configuration_is_silent(config, padding, truncation):
    file = byte_level(padding=padding, truncation=truncation)
    with tempfile.TemporaryDirectory() as root:
        folder(Path(root), tokenizer__json=file, tokenizer_config__json={**NAMES, **config})
        agree(Path(root), named=config)


@QUICK
@given(configurations(4), st.sampled_from([None, PADDING]))
def test_saved_and_loaded_a_tokenizer_is_the_same_to_both(config, padding):
    with tempfile.TemporaryDirectory() as root, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder(Path(root), tokenizer__json=byte_level(padding=padding), tokenizer_config__json={**NAMES, **config})
        try:
            tokenizer = AutoTokenizer.from_pretrained(root)
        except LitzError:
            return
        known = facts(tokenizer)
        tokenizer.save_pretrained(Path(root) / "saved")
        for reader in (AutoTokenizer, Reference):
            again = facts(reader.from_pretrained(str(Path(root) / "saved")))
            assert {key: value for key, value in again.items() if value != known[key]} == {}
