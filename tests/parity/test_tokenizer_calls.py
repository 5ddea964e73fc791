"""The tokenizer object gives what `PreTrainedTokenizerFast` of transformers gives for the same tokenizer.json."""

import functools
import itertools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from litz import errors
from litz.tokenizers import AddedToken, Tokenizer, from_pretrained
from tests.assets import asset
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import texts
from tests.parity.harness.side_files import NAMES as CONFIG
from tests.parity.harness.side_files import byte_level, folder
from tests.parity.test_encodings import POST_PROCESSORS

NAMES = ["input_ids", "token_type_ids", "attention_mask"]
TINY = [("gpt2", "bert"), ("gpt2", "roberta True True"), ("metaspace-first-split", "plain"), ("llama3", "swapped")]
REAL = ["gemma3", "gpt2", "llama2", "llama3_1", "qwen3"]


@functools.cache
def both(model: str, post_processor: str) -> tuple[Any, Tokenizer]:
    made = tiny.BYTE_LEVEL[model]() if model in tiny.BYTE_LEVEL else tiny.SENTENCE_PIECE[model]()
    file = tiny.edited(made, lambda file: file.update(post_processor=POST_PROCESSORS[post_processor]))
    return loaded(file.to_str(), pad_token="<unk>", bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@functools.cache
def real(name: str) -> tuple[Any, Tokenizer]:
    data = (asset(f"tokenizer-{name}") / "tokenizer.json").read_text()
    pad = json.loads(data)["added_tokens"][0]["content"]
    return loaded(data, pad_token=pad)


def loaded(data: str, **config: str) -> tuple[Any, Tokenizer]:
    folder = Path(tempfile.mkdtemp())
    (folder / "tokenizer.json").write_text(data)
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "model_input_names": NAMES}))
    reference = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), model_input_names=NAMES, **config
    )
    return reference, from_pretrained(folder)


def plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def assert_alike(reference: Any, ours: Any) -> None:
    assert list(ours) == list(reference)
    for name in reference:
        assert plain(ours[name]) == plain(reference[name]), name
        assert type(ours[name]) is type(reference[name]), name
        if hasattr(reference[name], "shape"):
            assert ours[name].dtype == reference[name].dtype
    assert ours.n_sequences == reference.n_sequences
    for row, encoding in enumerate(reference.encodings):
        assert ours.tokens(row) == encoding.tokens
        assert ours.word_ids(row) == encoding.word_ids
        assert ours.sequence_ids(row) == encoding.sequence_ids
        assert ours[row].offsets == encoding.offsets
        assert ours[row].attention_mask == encoding.attention_mask


def calls(seed: int, count: int) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Texts and arguments that both sides accept."""
    draw = random.Random(seed)
    pool = itertools.cycle([text[:50] or "a" for text in texts(200, seed)])
    made = []
    for _ in range(count):
        words, several, pair = draw.random() < 0.2, draw.random() < 0.6, draw.random() < 0.4
        one = (lambda: next(pool).split(" ")) if words else (lambda: next(pool))
        number = draw.randrange(1, 5)
        first = [one() for _ in range(number)] if several else one()
        second = ([one() for _ in range(number)] if several else one()) if pair else None
        options: dict[str, Any] = {"is_split_into_words": words} if words else {}
        if draw.random() < 0.5:
            options |= {"truncation": draw.choice([True, "longest_first"]), "max_length": draw.choice([12, 16, 24])}
            options["stride"] = draw.choice([0, 1, 2])
            options["return_overflowing_tokens"] = draw.random() < 0.5
        options["padding"] = draw.choice([False, True, "longest", "max_length"])
        if options["padding"] == "max_length":
            options["max_length"] = options.get("max_length", 64)
        if options["padding"]:
            options["padding_side"] = draw.choice(["left", "right"])
            options["pad_to_multiple_of"] = draw.choice([None, 4])
        flags = ("return_special_tokens_mask", "return_offsets_mapping", "return_length")
        options |= {flag: draw.random() < 0.3 for flag in flags}
        options["add_special_tokens"] = draw.random() < 0.8
        options |= {f"return_{name}": draw.choice([None, True, False]) for name in ("token_type_ids", "attention_mask")}
        tensors = not several or (options["padding"] is not False and "truncation" in options)
        if tensors and not options.get("return_overflowing_tokens"):
            options["return_tensors"] = draw.choice([None, "np", "pt"])
        made.append((first, second, options))
    return made


def assert_calls_alike(reference: Any, ours: Tokenizer, count: int, seed: int) -> None:
    for first, second, options in calls(seed, count):
        try:
            wanted = reference(first, second, **options)
        except Exception:
            with pytest.raises(errors.LitzError):
                ours(first, second, **options)
            continue
        assert_alike(wanted, ours(first, second, **options))


@pytest.mark.parametrize(("model", "post_processor"), TINY)
def test_calls_give_what_the_reference_gives(model: str, post_processor: str) -> None:
    assert_calls_alike(*both(model, post_processor), 120, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_calls_of_real_tokenizers_give_what_the_reference_gives(name: str) -> None:
    assert_calls_alike(*real(name), 1000, 2)


@pytest.mark.parametrize(("model", "post_processor"), TINY)
def test_single_calls_have_the_same_results(model: str, post_processor: str) -> None:
    reference, ours = both(model, post_processor)
    text, pair = "Hello wonderful world, it's 12345", "they'll say hello"
    for side in ("left", "right"):
        reference.truncation_side = ours.truncation_side = side
        reference.padding_side = ours.padding_side = side
        for options in (
            {},
            {"add_special_tokens": False},
            {"truncation": True, "max_length": 9},
            {"padding": "max_length", "max_length": 90},
            {"return_tensors": "np"},
        ):
            assert plain(ours.encode(text, **options)) == plain(reference.encode(text, **options))
            assert plain(ours.encode(text, pair, **options)) == plain(reference.encode(text, pair, **options))
        assert ours.tokenize(text, pair, add_special_tokens=True) == reference.tokenize(
            text, pair, add_special_tokens=True
        )
    assert ours.tokenize(text) == reference.tokenize(text)
    for given in (False, True):
        assert ours.num_special_tokens_to_add(given) == reference.num_special_tokens_to_add(given)
    assert ours.convert_tokens_to_string(["Hel", "lo", "not a token"]) == reference.convert_tokens_to_string(
        ["Hel", "lo", "not a token"]
    )
    ids = ours.encode(text, pair)
    assert ours.get_special_tokens_mask(ids, already_has_special_tokens=True) == reference.get_special_tokens_mask(
        ids, already_has_special_tokens=True
    )
    assert ours.convert_ids_to_tokens(ids, skip_special_tokens=True) == reference.convert_ids_to_tokens(
        ids, skip_special_tokens=True
    )
    for skip in (False, True):
        assert ours.decode(ids, skip_special_tokens=skip) == reference.decode(ids, skip_special_tokens=skip)
        assert ours.batch_decode([ids, ids[:3]], skip) == reference.batch_decode([ids, ids[:3]], skip)


def test_lists_of_pairs_are_pairs() -> None:
    reference, ours = both("gpt2", "bert")
    pairs = [("hello world", "it is"), ("a", "b")]
    assert_alike(reference(pairs, padding=True), ours(pairs, padding=True))
    words = [(["hello", "world"], ["it", "is"]), (["a"], ["b", "c"])]
    options = {"is_split_into_words": True, "padding": True}
    assert_alike(reference(words, **options), ours(words, **options))
    assert_alike(reference(pairs, padding=True), ours.batch_encode_plus(pairs, padding=True))


def test_targets_become_labels() -> None:
    reference, ours = both("gpt2", "bert")
    for first, target in (("hello", "world"), (["a b", "c"], ["d", "e f g"]), (None, "hello world")):
        assert_alike(reference(text=first, text_target=target), ours(text=first, text_target=target))


def test_special_tokens_may_be_read_as_text() -> None:
    reference, ours = both("gpt2", "bert")
    text = "a <s> b </s>"
    for first, second in ((text, None), (text, text), ([text, "c"], None)):
        wanted = reference(first, second, split_special_tokens=True)
        assert_alike(wanted, ours(first, second, split_special_tokens=True))
    assert ours(text).input_ids != ours(text, split_special_tokens=True).input_ids


@pytest.mark.parametrize("kind", ["np", "pt", None])
def test_rows_are_padded_as_collators_ask(kind: str | None) -> None:
    reference, ours = both("gpt2", "bert")
    rows = [ours(text, return_special_tokens_mask=True) for text in ("hello", "hello wonderful world", "a")]
    same = [dict(row) for row in rows]
    for options in (
        {},
        {"padding": "max_length", "max_length": 40},
        {"pad_to_multiple_of": 8},
        {"padding_side": "left", "return_attention_mask": True},
    ):
        wanted = reference.pad([dict(row) for row in same], return_tensors=kind, **options)
        assert_padded_alike(wanted, ours.pad(rows, return_tensors=kind, **options))
    columns = {name: [row[name] for row in same] for name in same[0]}
    assert_padded_alike(reference.pad(dict(columns), return_tensors=kind), ours.pad(columns, return_tensors=kind))
    single = reference.pad({"input_ids": [1, 2, 3]}, padding="max_length", max_length=6, return_tensors=kind)
    got = ours.pad({"input_ids": [1, 2, 3]}, padding="max_length", max_length=6, return_tensors=kind)
    assert_padded_alike(single, got)


def assert_padded_alike(reference: Any, ours: Any) -> None:
    assert set(ours) == set(reference)
    for name in reference:
        assert plain(ours[name]) == plain(reference[name]), name
        assert type(ours[name]) is type(reference[name])


def test_tensors_stay_tensors_when_rows_are_padded() -> None:
    _, ours = both("gpt2", "bert")
    for make in (np.array, torch.tensor):
        padded = ours.pad([{"input_ids": make([1, 2])}, {"input_ids": make([3])}])
        assert type(padded.input_ids) is type(make([1]))
        assert plain(padded.input_ids) == [[1, 2], [3, ours.pad_token_id]]
    labels = ours.pad([{"input_ids": [1], "labels": 0.5}, {"input_ids": [2], "labels": 1.5}], return_tensors="np")
    assert labels.labels.tolist() == [0.5, 1.5]


def test_places_are_found_as_in_the_reference() -> None:
    reference, ours = both("gpt2", "bert")
    first, second = ["Hello wonderful world", "one"], ["it's 123", "two three"]
    wanted, got = reference(first, second), ours(first, second)
    for row, place, sequence in itertools.product((0, 1), range(6), (0, 1)):
        for name in ("char_to_token", "char_to_word", "word_to_tokens"):
            expected = getattr(wanted, name)(row, place, sequence)
            assert getattr(got, name)(row, place, sequence) == expected
        for name in ("token_to_chars", "token_to_word", "token_to_sequence"):
            assert getattr(got, name)(row, place) == getattr(wanted, name)(row, place)
            assert getattr(got, name)(place) == getattr(wanted, name)(place)
    assert got.word_to_chars(0, 1, 0) == wanted.word_to_chars(0, 1, 0)
    assert (got.token_to_chars(1).start, got.word_to_tokens(0).end) == (0, wanted.word_to_tokens(0).end)


TOKENS: list[Any] = ["wonderful", "<s>", "it", " <new> ", "hello"]
FLAGGED = [
    {"content": "<keep>", "special": True},
    {"content": "word", "single_word": True, "lstrip": True},
    {"content": "HELLO", "normalized": False, "rstrip": True},
]


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize(("model", "post_processor"), TINY)
def test_tokens_are_added_as_the_reference_adds_them(model: str, post_processor: str, special: bool) -> None:
    file = both(model, post_processor)[0].backend_tokenizer.to_str()
    reference, ours = loaded(file, pad_token="<unk>", unk_token="<unk>")
    before = ours._core
    for new, theirs in (
        (TOKENS, TOKENS),
        ([AddedToken(**flags) for flags in FLAGGED], [transformers.AddedToken(**flags) for flags in FLAGGED]),
        ("wonderful", "wonderful"),
        (TOKENS[:2], TOKENS[:2]),
    ):
        assert ours.add_tokens(new, special_tokens=special) == reference.add_tokens(theirs, special_tokens=special)
    assert ours.get_vocab() == reference.get_vocab()
    assert len(ours) == len(reference)
    assert ours.get_added_vocab() == reference.get_added_vocab()
    for text in ("a wonderful <new> word; it is HELLO  hello<keep>wordy", "Hello word HELLO x"):
        assert ours.tokenize(text) == reference.tokenize(text)
        ids = reference(text).input_ids
        assert ours(text).input_ids == ids
        assert ours.decode(ids, skip_special_tokens=True) == reference.decode(ids, skip_special_tokens=True)
    assert before.token_to_id("wonderful") != ours.convert_tokens_to_ids("wonderful")


def test_special_tokens_get_their_names() -> None:
    file = both("gpt2", "bert")[0].backend_tokenizer.to_str()
    reference, ours = loaded(file, pad_token="<unk>")
    for given in (
        {"pad_token": "[PAD]", "mask_token": "<mask>"},
        {"extra_special_tokens": ["<one>", "<two>"]},
        {"additional_special_tokens": ["<three>"]},
    ):
        assert ours.add_special_tokens(given) == reference.add_special_tokens(given)
        for name in ("all_special_tokens", "all_special_ids", "pad_token_id", "mask_token", "extra_special_tokens"):
            assert getattr(ours, name) == getattr(reference, name), name
    assert (
        ours("hello [PAD]<one>", padding="max_length", max_length=16).input_ids
        == reference("hello [PAD]<one>", padding="max_length", max_length=16).input_ids
    )
    with pytest.raises(errors.ArgumentError, match="'soft_token' is no special token"):
        ours.add_special_tokens({"soft_token": "x"})


def test_all_ids_lie_flat_in_one_array() -> None:
    reference, ours = both("gpt2", "bert")
    lines = ["hello world", "", "it's 12345"]
    for special in (True, False):
        ids, offsets = ours.encode_batch_flat(lines, add_special_tokens=special)
        wanted = [reference.encode(line, add_special_tokens=special) for line in lines]
        assert (ids.dtype, offsets.dtype) == (np.uint32, np.int64)
        assert [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)] == wanted


def test_no_padding_asked_for_by_name_cuts_nothing_and_an_empty_second_text_is_none(tmp_path):
    file = byte_level(post_processor={"type": "BertProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1]})
    folder(tmp_path, tokenizer__json=file, tokenizer_config__json=CONFIG)
    theirs, ours = transformers.AutoTokenizer.from_pretrained(str(tmp_path)), from_pretrained(tmp_path)
    for arguments in (("ab", ""), ("", ""), (["ab", ""], ["", ""]), ([("a", ""), ("", "")],)):
        assert ours(*arguments)["input_ids"] == theirs(*arguments)["input_ids"]
    for words in (([], []), (["a"], []), ([], ["a"]), ([[]],), ([[], ["a"]], [["a"], []])):
        assert dict(ours(*words, is_split_into_words=True)) == dict(theirs(*words, is_split_into_words=True))
    with pytest.raises(errors.ArgumentError, match="max_length acts with"):
        ours("abc", padding="do_not_pad", max_length=1)
