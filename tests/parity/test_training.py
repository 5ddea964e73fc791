"""Trainers against those of the `tokenizers` library on the same corpus: vocabularies, merges, pieces and scores."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, trainers

from litz import _core
from litz.tokenizers import training
from litz.tokenizers.training.trainers import Trainer

SPACES = {"type": "WhitespaceSplit"}
WORDS = {"type": "Whitespace"}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BERT = {"type": "BertPreTokenizer"}

_SYLLABLES = ["ka", "lo", "mi", "ner", "st", "ing", "ed", "un", "re", "tion", "a", "o", "é", "ß"]
_CHINESE = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年"
_SIGNS = ["😀", "👩‍👩‍👧", "!", "...", "1998", "42", "\n", "\t", "  ", "x=f(y)", "</s>", "aaaa", "aaaaaaa", "ababab"]


def corpus(seed: int, size: int = 300) -> list[str]:
    """Texts of made-up words, Chinese, emoji and code, with the frequencies of a language."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(1, 5))) for _ in range(200)]
    words += ["".join(draw.choices(_CHINESE, k=draw.randint(1, 8))) for _ in range(100)] + _SIGNS
    draw.shuffle(words)
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [" ".join(draw.choices(words, weights, k=draw.randint(1, 30))) for _ in range(size)]


def upstream(
    texts: Sequence[str], trainer: Any, model: Any, *, normalizer: Any = None, pre_tokenizer: Any = None
) -> dict[str, Any]:
    """The tokenizer.json that the library trains."""
    empty = json.loads(Tokenizer(model).to_str())
    tokenizer = Tokenizer.from_str(json.dumps({**empty, "normalizer": normalizer, "pre_tokenizer": pre_tokenizer}))
    tokenizer.train_from_iterator(texts, trainer)
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    return content


def ours(texts: Sequence[str], trainer: Trainer, **components: Any) -> dict[str, Any]:
    """The tokenizer.json that litz trains."""
    content: dict[str, Any] = json.loads(training.train(texts, trainer, **components)._core.to_json())
    return content


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The same model to the last merge, and the same added tokens."""
    assert list(found["model"]["vocab"].items()) == list(expected["model"]["vocab"].items())
    assert found["model"].get("merges") == expected["model"].get("merges")
    keys = ("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special")
    tokens = [[{key: token[key] for key in keys} for token in each["added_tokens"]] for each in (found, expected)]
    assert tokens[0] == tokens[1]


BPE: list[dict[str, Any]] = [
    {"vocab_size": 300},
    {"vocab_size": 2000},
    {"vocab_size": 600, "min_frequency": 5},
    {"vocab_size": 10},
    {"vocab_size": 500, "special_tokens": ["<s>", "</s>", "ing", "的", "aa", "<s>"]},
    {"vocab_size": 500, "initial_alphabet": ["z", "ÿ", "quer", ""], "special_tokens": ["z"]},
    {"vocab_size": 600, "max_token_length": 1},
    {"vocab_size": 600, "max_token_length": 3},
    {"vocab_size": 900, "max_token_length": 5},
]


@pytest.mark.parametrize("options", BPE, ids=str)
@pytest.mark.parametrize("pre_tokenizer", [SPACES, WORDS, METASPACE, BYTES, BERT, None], ids=lambda p: p and p["type"])
def test_bpe(options: dict[str, Any], pre_tokenizer: Any) -> None:
    texts = corpus(1)
    expected = upstream(
        texts, trainers.BpeTrainer(**options, show_progress=False), models.BPE(), pre_tokenizer=pre_tokenizer
    )
    same(ours(texts, training.BpeTrainer(**options), pre_tokenizer=pre_tokenizer), expected)


@pytest.mark.parametrize("limit", [1, 5, 20, 40])
def test_a_limited_alphabet_keeps_the_most_frequent_characters(limit: int) -> None:
    # No two characters are equally frequent: of such upstream drops any.
    alphabet = "abcdefghijklmnopqrstuvwxyzéß的一是不了在人有我他这个😀!"
    texts = [" ".join(alphabet[place:] for place in range(len(alphabet))), alphabet[::-1]]
    options: dict[str, Any] = {"vocab_size": 200, "limit_alphabet": limit, "special_tokens": ["!"]}
    expected = upstream(texts, trainers.BpeTrainer(**options, show_progress=False), models.BPE(), pre_tokenizer=SPACES)
    same(ours(texts, training.BpeTrainer(**options), pre_tokenizer=SPACES), expected)


def forms(texts: Sequence[str], prefix: str, suffix: str) -> list[str]:
    """Every form that a character takes, so that special tokens fix the ids: upstream's own order is random."""
    found = set()
    for word in " ".join(texts).split():
        for place, c in enumerate(word):
            found.add((prefix if place else "") + c + (suffix if place + 1 == len(word) else ""))
    return sorted(found)


@pytest.mark.parametrize(
    ("prefix", "suffix"), [("##", ""), ("", "</w>"), ("@", "_"), ("a", ""), ("", "a"), ("st", "ed")]
)
@pytest.mark.parametrize("longest", [None, 4])
def test_bpe_with_prefix_and_suffix(prefix: str, suffix: str, longest: int | None) -> None:
    texts = corpus(2)
    options: dict[str, Any] = {
        "vocab_size": 900,
        "special_tokens": forms(texts, prefix, suffix),
        "max_token_length": longest,
    }
    affixes = {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix}
    options |= {name: affix for name, affix in affixes.items() if affix}
    expected = upstream(texts, trainers.BpeTrainer(**options, show_progress=False), models.BPE(), pre_tokenizer=SPACES)
    found = ours(texts, training.BpeTrainer(**options), pre_tokenizer=SPACES)
    same(found, expected)
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        assert found["model"][name] == expected["model"][name]


def test_word_piece() -> None:
    texts = corpus(3)
    normalizer = {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
        "lowercase": True,
    }  # fmt: skip
    special = ["[UNK]", "[CLS]", *forms([text.lower() for text in texts], "##", "")]
    options: dict[str, Any] = {"vocab_size": 800, "special_tokens": special}
    expected = upstream(
        texts, trainers.WordPieceTrainer(**options, show_progress=False), models.WordPiece(unk_token="[UNK]"),
        normalizer=normalizer, pre_tokenizer=BERT,
    )  # fmt: skip
    same(ours(texts, training.WordPieceTrainer(**options), normalizer=normalizer, pre_tokenizer=BERT), expected)


def test_word_piece_without_fixed_ids_has_upstreams_alphabet_and_size() -> None:
    texts = corpus(4)
    options: dict[str, Any] = {"vocab_size": 800, "special_tokens": ["[UNK]"]}
    model = models.WordPiece(unk_token="[UNK]")
    expected = upstream(texts, trainers.WordPieceTrainer(**options, show_progress=False), model, pre_tokenizer=SPACES)[
        "model"
    ]
    found = ours(texts, training.WordPieceTrainer(**options), pre_tokenizer=SPACES)["model"]
    letters = [{token for token in each["vocab"] if len(token.removeprefix("##")) == 1} for each in (found, expected)]
    assert letters[0] == letters[1]
    assert len(found["vocab"]) == len(expected["vocab"])
    assert len(found["vocab"].keys() & expected["vocab"].keys()) > 0.8 * len(found["vocab"])
    again = ours(list(reversed(texts)), training.WordPieceTrainer(**options), pre_tokenizer=SPACES)["model"]
    assert again == found, "the order of the texts makes no difference"


@pytest.mark.parametrize("options", [{"vocab_size": 100}, {"vocab_size": 9999, "min_frequency": 3}, {"vocab_size": 2}])
def test_word_level(options: dict[str, Any]) -> None:
    texts = corpus(5)
    options = {**options, "special_tokens": ["<unk>", "的", "ing"]}
    model = models.WordLevel(unk_token="<unk>")
    expected = upstream(texts, trainers.WordLevelTrainer(**options, show_progress=False), model, pre_tokenizer=WORDS)
    same(ours(texts, training.WordLevelTrainer(**options), pre_tokenizer=WORDS), expected)


UNIGRAM: list[dict[str, Any]] = [
    {"vocab_size": 150},
    {"vocab_size": 300, "unk_token": "<unk>"},
    {"vocab_size": 200, "unk_token": "<unk>", "special_tokens": ["<s>", "<unk>"]},
    {"vocab_size": 250, "shrinking_factor": 0.5, "n_sub_iterations": 1},
    {"vocab_size": 250, "shrinking_factor": 0.95, "max_piece_length": 3},
    {"vocab_size": 5000, "max_piece_length": 40},
    {"vocab_size": 250, "initial_alphabet": ["z", "ÿ"]},
]


@pytest.mark.parametrize("options", UNIGRAM, ids=str)
@pytest.mark.parametrize("pre_tokenizer", [METASPACE, BERT, BYTES], ids=lambda each: each["type"])
def test_unigram(options: dict[str, Any], pre_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    texts = corpus(6, 150)
    expected = upstream(
        texts, trainers.UnigramTrainer(**options, show_progress=False), models.Unigram(), pre_tokenizer=pre_tokenizer
    )["model"]
    found = ours(texts, training.UnigramTrainer(**options), pre_tokenizer=pre_tokenizer)["model"]
    assert found["unk_id"] == expected["unk_id"]
    close(found["vocab"], expected["vocab"])


def close(found: list[Any], expected: list[Any]) -> None:
    """The same pieces with the same scores; characters that are no pieces of their own get a penalty that upstream
    assigns in the order of a random map, so these are compared as a set."""
    assert len(found) == len(expected)
    scores = dict(map(tuple, expected))
    assert {piece for piece, _ in found} == scores.keys()
    apart = [piece for piece, score in found if abs(score - scores[piece]) > 1e-9]
    assert all(len(piece) == 1 for piece in apart)
    penalties = [sorted(round(each[piece], 7) for piece in apart) for each in (dict(map(tuple, found)), scores)]
    assert penalties[0] == pytest.approx(penalties[1], abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=8),
    st.integers(3, 40),
    st.sampled_from([None, 1, 2, 3, 4, 6]),
)
def test_bpe_of_any_words(words: list[str], size: int, longest: int | None) -> None:
    # Every way in which a token can be made twice, a pair overlap itself, or a count become stale.
    texts = [" ".join(words), words[0]]
    options: dict[str, Any] = {"vocab_size": size, "max_token_length": longest}
    expected = upstream(texts, trainers.BpeTrainer(**options, show_progress=False), models.BPE(), pre_tokenizer=SPACES)
    same(ours(texts, training.BpeTrainer(**options), pre_tokenizer=SPACES), expected)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text("abc", min_size=2, max_size=9), min_size=1, max_size=6), st.integers(5, 12))
def test_unigram_of_any_words(words: list[str], size: int) -> None:
    texts = [" ".join(words)]
    trainer = trainers.UnigramTrainer(vocab_size=size, show_progress=False)
    expected = upstream(texts, trainer, models.Unigram(), pre_tokenizer=SPACES)["model"]
    found = ours(texts, training.UnigramTrainer(vocab_size=size), pre_tokenizer=SPACES)["model"]
    close(found["vocab"], expected["vocab"])


def test_files_are_read_as_upstream_reads_them(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for seed, path in enumerate(paths):
        path.write_text("\r\n".join(corpus(seed)) + "\n" * seed, encoding="utf-8", newline="")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = Tokenizer.from_str(_with(tokenizer, BYTES)).pre_tokenizer
    tokenizer.train([str(path) for path in paths], trainers.BpeTrainer(vocab_size=700, show_progress=False))
    found = ours(paths, training.BpeTrainer(vocab_size=700), pre_tokenizer=BYTES)  # type: ignore[arg-type]
    same(found, json.loads(tokenizer.to_str()))


def _with(tokenizer: Tokenizer, pre_tokenizer: Any) -> str:
    return json.dumps({**json.loads(tokenizer.to_str()), "pre_tokenizer": pre_tokenizer})


@pytest.mark.parametrize("threads", [1, 3])
def test_neither_memory_nor_threads_change_the_result(threads: int) -> None:
    texts = corpus(7)
    for trainer in (training.BpeTrainer(vocab_size=600), training.UnigramTrainer(vocab_size=200)):
        whole = ours(texts, trainer, pre_tokenizer=METASPACE)
        spilled = ours(texts, trainer, pre_tokenizer=METASPACE, threads=threads, memory=threads * 12_000)
        assert spilled == whole


def test_special_tokens_keep_how_they_match() -> None:
    token = AddedToken("<mask>", lstrip=True, single_word=True)
    expected = upstream(
        ["a b"], trainers.BpeTrainer(special_tokens=[token], show_progress=False), models.BPE(), pre_tokenizer=SPACES
    )
    same(ours(["a b"], training.BpeTrainer(special_tokens=[token]), pre_tokenizer=SPACES), expected)


def test_a_word_beyond_the_limit_is_an_error() -> None:
    counter = _core.WordCounter("null", "null", memory=1 << 20)
    with pytest.raises(ValueError, match="pre_tokenizer"):
        counter.feed(["x" * ((1 << 20) + 1)])
