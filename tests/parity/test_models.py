"""WordPiece, Unigram and WordLevel: ids equal to those of the `tokenizers` library reading the same file."""

import functools
import itertools
import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from tokenizers import Regex, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Reference

from litz._core import Tokenizer
from litz.errors import LitzError
from tests.assets import asset
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import CORPUS, texts

SPECIALS = ["<unk>", "[UNK]", "<s>"]


def trained(model: Any, trainer: Any, pre_tokenizer: Any, normalizer: Any = None) -> Reference:
    reference = Reference(model)
    reference.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        reference.normalizer = normalizer
    reference.train_from_iterator(CORPUS, trainer)
    return reference


def word_piece(prefix: str = "##", size: int = 300, limit: int = 100) -> Reference:
    model = models.WordPiece(unk_token="[UNK]", continuing_subword_prefix=prefix, max_input_chars_per_word=limit)
    options = {"continuing_subword_prefix": prefix, "vocab_size": size, "special_tokens": SPECIALS}
    trainer = trainers.WordPieceTrainer(**options, show_progress=False)
    return trained(model, trainer, pre_tokenizers.BertPreTokenizer(), normalizers.Lowercase())


def unigram(size: int = 300, **settings: Any) -> Reference:
    trainer = trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=SPECIALS, show_progress=False)
    return edited(trained(models.Unigram(), trainer, pre_tokenizers.Metaspace()), **settings)


def word_level(size: int = 60) -> Reference:
    trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=SPECIALS, show_progress=False)
    return trained(models.WordLevel(unk_token="<unk>"), trainer, pre_tokenizers.Whitespace())


def edited(reference: Reference, **settings: Any) -> Reference:
    """The tokenizer with other settings of its model; `extra` are pieces of a Unigram vocabulary."""
    file = json.loads(reference.to_str())
    file["model"]["vocab"] += settings.pop("extra", [])
    file["model"].update(settings)
    return Reference.from_str(json.dumps(file))


def bert(**settings: bool) -> Reference:
    """BERT's own stages; its text is cut before it is normalized."""
    reference = word_piece(size=500)
    reference.normalizer = normalizers.BertNormalizer(**settings)
    return reference


def sentence_piece(normalizer: Any, scheme: str = "always") -> Reference:
    """T5's form, with byte tokens."""
    reference = unigram(extra=BYTES, byte_fallback=True)
    reference.normalizer = normalizer
    reference.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return reference


SQUEEZED = [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
BYTES = [[f"<0x{byte:02X}>", -9.0 - byte / 100] for byte in range(256)]
TOKENIZERS = {
    "word_piece": word_piece,
    "word_piece_plain": lambda: word_piece(""),
    "word_piece_marked": lambda: word_piece("▁", 200),
    "word_piece_short": lambda: word_piece(limit=4),
    "word_piece_large": lambda: word_piece(size=3000),
    "unigram": unigram,
    "unigram_large": lambda: unigram(2000),
    "unigram_bytes": lambda: unigram(extra=BYTES, byte_fallback=True),
    "unigram_few_bytes": lambda: unigram(extra=BYTES[:200], byte_fallback=True),
    "unigram_repeats": lambda: unigram(extra=[["e", -1.5], ["▁", -30.0], ["<unk>", -2.0], ["", -3.0]]),
    "word_level": word_level,
    "bert": lambda: bert(lowercase=True),
    "bert_cased": lambda: bert(lowercase=False, strip_accents=False),
    "bert_accents": lambda: bert(lowercase=False, strip_accents=True, handle_chinese_chars=False),
    "bert_unclean": lambda: bert(lowercase=True, clean_text=False),
    "t5": lambda: sentence_piece(normalizers.Sequence(SQUEEZED)),
    "t5_first": lambda: sentence_piece(normalizers.Sequence(SQUEEZED), "first"),
    "t5_never": lambda: sentence_piece(normalizers.Sequence(SQUEEZED[:2]), "never"),
    "t5_quotes": lambda: sentence_piece(
        normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.StripAccents()])
    ),
    "t5_nmt": lambda: sentence_piece(normalizers.Sequence([normalizers.Nmt(), *SQUEEZED])),
}


@functools.cache
def pair(name: str) -> tuple[Reference, Tokenizer]:
    return both(TOKENIZERS[name]())


def both(reference: Reference) -> tuple[Reference, Tokenizer]:
    return reference, Tokenizer.from_json(reference.to_str().encode())


def assert_encodes_alike(reference: Reference, ours: Tokenizer, inputs: Iterable[str]) -> None:
    for text in inputs:
        assert ours.encode(text, False) == reference.encode(text, add_special_tokens=False).ids, text


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_trained_model_gives_the_ids_of_the_reference(name: str) -> None:
    reference, ours = pair(name)
    assert_encodes_alike(reference, ours, texts(600, 11))
    assert [ours.id_to_token(id) for id in range(400)] == [reference.id_to_token(id) for id in range(400)]


@pytest.mark.slow
@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_trained_model_gives_the_ids_of_the_reference_on_many_texts(name: str) -> None:
    assert_encodes_alike(*pair(name), texts(30_000, 12))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tokenizer-llama2", "tokenizer-gemma", "tokenizer-gemma3"])
def test_a_real_sentence_piece_file_gives_the_ids_of_the_reference(name: str) -> None:
    path = asset(name) / "tokenizer.json"
    assert_encodes_alike(Reference.from_file(str(path)), Tokenizer.from_json(path.read_bytes()), texts(10_000, 13))


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
def test_marks_without_cuts_give_the_ids_of_the_reference(scheme: str) -> None:
    assert_encodes_alike(*both(tiny.metaspace(scheme, split=False)), texts(500, 14))


def any_unigram(seed: int) -> Reference:
    """A vocabulary over a few letters, whose scores tie often."""
    draw = random.Random(seed)
    letters = "ab▁é"
    pieces = {"".join(draw.choices(letters, k=draw.randint(1, 4))) for _ in range(draw.randint(1, 12))}
    scores = draw.choice([[-1.0, -2.0, -3.0], [-0.1, -0.2, -0.3, -0.4], [100.0, 50.0], [0.0]])
    vocab = [("<unk>", 0.0), *((piece, draw.choice(scores)) for piece in sorted(pieces)), *map(tuple, BYTES[90:110])]
    return Reference(models.Unigram(vocab, draw.choice([0, 0, 1, 2 % len(vocab)]), draw.random() < 0.5))


@pytest.mark.parametrize("seed", range(40))
def test_ties_between_paths_are_decided_as_the_reference_does(seed: int) -> None:
    words = ["".join(letters) for n in range(1, 6) for letters in itertools.product("ab▁x", repeat=n)]
    draw = random.Random(seed)
    assert_encodes_alike(*both(any_unigram(seed)), [*draw.sample(words, 400), "<unk>", "a<unk>b", "éaé", "😀a"])


def any_word_piece(seed: int) -> Reference:
    draw = random.Random(seed)
    prefix = draw.choice(["##", "", "é", "a"])
    pieces = {"".join(draw.choices("abé", k=draw.randint(1, 4))) for _ in range(14)}
    words = dict.fromkeys(["?", *(draw.choice(["", prefix]) + piece for piece in sorted(pieces))])
    vocab = {word: id for id, word in enumerate(words)}
    return Reference(
        models.WordPiece(
            vocab, unk_token="?", continuing_subword_prefix=prefix, max_input_chars_per_word=draw.choice([3, 5, 100])
        )
    )


@pytest.mark.parametrize("seed", range(30))
def test_the_longest_token_comes_first(seed: int) -> None:
    words = ["".join(letters) for n in range(1, 6) for letters in itertools.product("abéx", repeat=n)]
    assert_encodes_alike(*both(any_word_piece(seed)), random.Random(seed).sample(words, 400))


NO_UNKNOWN = [
    models.Unigram([("a", -1.0), ("ab", -1.0)], None, False),
    models.WordPiece({"a": 0, "##b": 1}, unk_token="[UNK]"),
    models.WordLevel({"a": 0, "ab": 1}, unk_token="[UNK]"),
]


@pytest.mark.parametrize("model", NO_UNKNOWN, ids=lambda model: type(model).__name__)
def test_without_an_unknown_token_only_unknown_text_is_an_error(model: Any) -> None:
    reference, ours = both(Reference(model))
    assert_encodes_alike(reference, ours, ["a", "ab", ""])
    with pytest.raises(Exception, match=r"unk|UNK"):
        reference.encode("xx")
    with pytest.raises(LitzError, match=r"model\.unk_"):
        ours.encode("xx")


def test_characters_are_counted_not_bytes() -> None:
    model = models.WordPiece({"?": 0, "é": 1, "##é": 2}, unk_token="?", max_input_chars_per_word=3)
    assert_encodes_alike(*both(Reference(model)), ["é", "ééé", "éééé"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unk_id": 9999}, "unk_id"),
        ({"vocab": [["a", None]]}, "vocab"),
        ({"vocab": [["a", -1.0, 2]]}, "vocab"),
        ({"vocab": {"a": 0}}, "vocab"),
        ({"vocab": [["a" * 5000, -1.0]], "unk_id": 0}, "limit"),
    ],
)
def test_a_wrong_unigram_file_is_refused(change: dict[str, Any], message: str) -> None:
    file = json.loads(unigram().to_str())
    file["model"].update(change)
    with pytest.raises(LitzError, match=message):
        Tokenizer.from_json(json.dumps(file).encode())


@pytest.mark.parametrize("key", ["unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"])
def test_a_word_piece_file_says_everything(key: str) -> None:
    file = json.loads(word_piece().to_str())
    del file["model"][key]
    with pytest.raises(LitzError, match=key):
        Tokenizer.from_json(json.dumps(file).encode())
