"""Every field of an encoding equals that of the `tokenizers` library: pairs, words, truncation, overflow, padding."""

import functools
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from tokenizers import Tokenizer as Reference

from litz import errors
from litz._core import Encoding, Tokenizer
from tests.assets import asset
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import texts

CLS, SEP = ["<s>", 1], ["</s>", 2]


def special(name: str, type_id: int = 0) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": type_id}}


def sequence(name: str, type_id: int = 0) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}


def template(single: list[Any], pair: list[Any]) -> dict[str, Any]:
    known = {"<s>": ([1], ["<s>"]), "</s>": ([2], ["</s>"]), "both": ([1, 2], ["<s>", "other"])}
    tokens = {name: {"id": name, "ids": ids, "tokens": texts} for name, (ids, texts) in known.items()}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


A, B = sequence("A"), sequence("B", 1)
BERT = {"type": "BertProcessing", "cls": CLS, "sep": SEP}
PLAIN = template([special("<s>"), A], [special("<s>"), A, special("<s>", 1), B])
POST_PROCESSORS: dict[str, Any] = {
    "none": None,
    "plain": PLAIN,
    "swapped": template(
        [special("both", 4), sequence("A", 3), special("</s>", 5)], [B, special("both", 2), sequence("A", 7)]
    ),
    "twice": template([A, special("</s>"), A], [A, B, special("</s>"), A]),
    "only one": template([A], [A]),
    "bert": BERT,
    "byte level": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "byte level without a prefix": {
        "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True,
    },
    "bert, then trimmed": {
        "type": "Sequence",
        "processors": [BERT, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}],
    },
    "trimmed, then a template, then trimmed": {
        "type": "Sequence",
        "processors": [
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            PLAIN,
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        ],
    },
    "bert around a template": {"type": "Sequence", "processors": [PLAIN, BERT]},
    **{
        f"roberta {trim} {prefix}": {
            "type": "RobertaProcessing", "cls": CLS, "sep": SEP, "trim_offsets": trim, "add_prefix_space": prefix,
        }
        for trim in (True, False)
        for prefix in (True, False)
    },
}  # fmt: skip


# A text that stands in a template twice has as many pieces as the square of what it is cut into.
LEAST = {"twice": 13}


@functools.cache
def pair(model: str, post_processor: str) -> tuple[Reference, Tokenizer]:
    made = tiny.BYTE_LEVEL[model]() if model in tiny.BYTE_LEVEL else tiny.SENTENCE_PIECE[model]()
    reference = tiny.edited(made, lambda file: file.update(post_processor=POST_PROCESSORS[post_processor]))
    return reference, Tokenizer.from_json(reference.to_str().encode())


def columns(encoding: Any, *, whole: bool = True) -> dict[str, Any]:
    """Every column of an encoding. In the reference, pieces of pairs hold the same pieces again."""
    names = ("ids", "type_ids", "tokens", "offsets", "word_ids", "sequence_ids", "special_tokens_mask")
    fields = {name: list(getattr(encoding, name)) for name in (*names, "attention_mask")}
    overlap = "sequence_ids"  # Where ranges of sequences overlap, the reference's result is arbitrary.
    simple = len({*fields[overlap]} - {None}) == encoding.n_sequences
    places = range(min(len(encoding), 12) + 1)
    lookups = {
        "token_to_chars": [encoding.token_to_chars(i) for i in places],
        "token_to_word": [encoding.token_to_word(i) for i in places],
        "token_to_sequence": [encoding.token_to_sequence(i) for i in places],
        "char_to_token": [encoding.char_to_token(i, s) for i in places for s in (0, 1)],
        "char_to_word": [encoding.char_to_word(i, s) for i in places for s in (0, 1)],
        "word_to_tokens": [encoding.word_to_tokens(i, s) for i in places for s in (0, 1)],
        "word_to_chars": [encoding.word_to_chars(i, s) for i in places for s in (0, 1)],
    }
    return {
        **fields,
        **(lookups if simple else {}),
        "n_sequences": encoding.n_sequences,
        "overflowing": [columns(piece, whole=False) for piece in encoding.overflowing] if whole else [],
    }


def expected(reference: Reference, first: Any, second: Any, options: dict[str, Any]) -> dict[str, Any] | None:
    """The reference's result; None where it refuses, and where it would cut nothing for lack of any room."""
    reference.no_truncation()
    room, pair = options["max_length"], second is not None
    if room is not None and options["add_special_tokens"] and room < reference.num_special_tokens_to_add(pair):
        return None
    try:
        if options["max_length"] is not None:
            reference.enable_truncation(
                options["max_length"], stride=options["stride"], strategy=options["strategy"],
                direction=options["truncation_side"],
            )  # fmt: skip
        words = isinstance(first, list)
        special = options["add_special_tokens"]
        return columns(reference.encode(first, second, is_pretokenized=words, add_special_tokens=special))
    except BaseException as error:  # a panic of the reference is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return None
    finally:
        reference.no_truncation()


def drawn(random: random.Random, least: int) -> dict[str, Any]:
    cut = random.random() < 0.7
    return {
        "add_special_tokens": random.random() < 0.8,
        "max_length": max(least, random.choice([1, 3, 4, 5, 6, 8, 13])) if cut else None,
        "stride": random.choice([0, 0, 1, 2, 3]) if cut else 0,
        "strategy": random.choice(["longest_first", "longest_first", "only_first", "only_second"]),
        "truncation_side": random.choice(["right", "left"]),
    }


def samples(count: int, seed: int, least: int = 1) -> list[tuple[Any, Any, dict[str, Any]]]:
    draw = random.Random(seed)
    pool = [text[: draw.randrange(60)] for text in texts(2 * count, seed)]
    made = []
    for first, second in zip(pool[::2], pool[1::2], strict=True):
        one: Any = first.split(" ") if draw.random() < 0.3 else first
        other: Any = None
        if draw.random() < 0.5:
            other = second.split(" ") if isinstance(one, list) else second
        made.append((one, other, drawn(draw, least)))
    return made


def assert_alike(reference: Reference, ours: Tokenizer, count: int, seed: int, *, least: int = 1) -> None:
    for first, second, options in samples(count, seed, least):
        wanted = expected(reference, first, second, options)
        if wanted is None:
            with pytest.raises(errors.LitzError):
                ours.encode_full(first, second, **options)
        else:
            assert columns(ours.encode_full(first, second, **options)) == wanted, (first, second, options)


@pytest.mark.parametrize("post_processor", POST_PROCESSORS)
def test_post_processors_tell_what_the_reference_tells(post_processor: str) -> None:
    assert_alike(*pair("gpt2", post_processor), 60, 5, least=LEAST.get(post_processor, 1))
    assert_alike(*pair("metaspace-first-split", post_processor), 30, 6, least=LEAST.get(post_processor, 1))


@pytest.mark.slow
@pytest.mark.parametrize("post_processor", POST_PROCESSORS)
def test_post_processors_tell_what_the_reference_tells_of_many_texts(post_processor: str) -> None:
    for seed, model in enumerate([*tiny.BYTE_LEVEL, *tiny.SENTENCE_PIECE]):
        assert_alike(*pair(model, post_processor), 150, 100 + seed, least=LEAST.get(post_processor, 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gemma3", "gpt2", "llama2", "llama3_1", "qwen3"])
def test_real_tokenizers_tell_what_the_reference_tells(name: str) -> None:
    data = (asset(f"tokenizer-{name}") / "tokenizer.json").read_bytes()
    assert_alike(Reference.from_buffer(data), Tokenizer.from_json(data), 1500, 7)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_reaches_every_piece(side: str) -> None:
    reference, ours = pair("gpt2", "bert")
    reference.enable_truncation(9, stride=1)
    reference.enable_padding(direction=side, pad_id=0, pad_type_id=3, pad_token="[P]", length=12)
    texts = "hello wonderful world", "it is so"
    wanted = columns(reference.encode(*texts))
    reference.no_padding()
    reference.no_truncation()
    got = ours.encode_full(*texts, max_length=9, stride=1)
    assert columns(got.padded(12, pad_id=0, pad_type_id=3, pad_token="[P]", padding_side=side)) == wanted
    assert (len(got), len(got.overflowing)) == (9, 2)


def test_a_batch_is_its_texts_one_by_one() -> None:
    _, ours = pair("gpt2", "bert")
    drawn = samples(120, 9)
    for words in (False, True):
        chosen = [(a, b) for a, b, _ in drawn if b is not None and isinstance(a, list) == words]
        batch = ours.encode_full_batch([a for a, _ in chosen], [b for _, b in chosen], max_length=12, stride=2)
        alone = [ours.encode_full(a, b, max_length=12, stride=2) for a, b in chosen]
        assert list(map(columns, batch)) == list(map(columns, alone))


def test_an_encoding_survives_pickling() -> None:
    import pickle

    _, ours = pair("gpt2", "swapped")
    encoding = ours.encode_full("hello wonderful world", "it is", max_length=7, stride=1)
    again = pickle.loads(pickle.dumps(encoding))
    assert isinstance(again, Encoding)
    assert columns(again) == columns(encoding)
    assert again == encoding
    assert json.dumps(columns(again))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode_full("a b c", max_length=1), "max_length is 1; the special tokens alone are 2"),
        (lambda t: t.encode_full("a b c", max_length=4, stride=5), "stride is 5"),
        (lambda t: t.encode_full("a b c d e", max_length=4, strategy="only_second"), "no second text"),
        (lambda t: t.encode_full("a", max_length=4, strategy="any"), "strategy is"),
        (lambda t: t.encode_full("a", max_length=4, truncation_side="up"), "truncation_side is"),
        (lambda t: t.encode_full(["a", 1]), "expected str or a list of str, found"),
        (lambda t: t.encode_full("a", "b", trusted=[(0, 1)]), "trusted ranges"),
        (lambda t: t.encode_full_batch(["a"], ["b", "c"]), "1 texts, but 2"),
        (lambda t: t.encode_full_batch("abc"), "a list of texts"),
        (lambda t: t.encode_full("a b " * 60_000, max_length=60_000, stride=59_990), "overflowing pieces"),
        (lambda t: t.encode_full("a").padded(1 << 60, pad_id=0), "limit"),
    ],
)
def test_arguments_that_cannot_work_say_why(call: Callable[[Tokenizer], Any], message: str) -> None:
    with pytest.raises(errors.LitzError, match=message):
        call(pair("gpt2", "bert")[1])
