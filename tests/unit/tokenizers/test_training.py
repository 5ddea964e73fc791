"""The public functions of training: corpora, presets, progress, errors, and tokenizers like another one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from litz import cli
from litz.errors import ArgumentError, FileAccessError
from litz.tokenizers import Tokenizer, train, training
from litz.tokenizers.training.trainers import Trainer

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "你好，世界 😀", "def f(x): return x"] * 3


def bpe(size: int = 400, **options: Any) -> Tokenizer:
    return train(TEXTS, training.BpeTrainer(vocab_size=size, **options), preset="gpt2")


def test_a_byte_level_preset_knows_every_byte() -> None:
    tokenizer = bpe()
    for text in ("unseen ẞ\x00\U0010ffff", *TEXTS):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize(
    ("preset", "trainer", "model"),
    [
        ("gpt2", training.BpeTrainer(vocab_size=300), {}),
        ("llama3", training.BpeTrainer(vocab_size=300, special_tokens=["<|end|>"]), {}),
        ("bert", training.WordPieceTrainer(vocab_size=80, special_tokens=["[UNK]", "[CLS]", "[SEP]"]), {}),
        ("sentencepiece", training.UnigramTrainer(vocab_size=80, unk_token="<unk>"), {}),
        ("sentencepiece", training.BpeTrainer(vocab_size=80, special_tokens=["<unk>"]), {"unk_token": "<unk>"}),
        ("sentencepiece", training.WordLevelTrainer(special_tokens=["<unk>"]), {}),
    ],
)
def test_every_preset_trains_and_reads_its_corpus(preset: str, trainer: Trainer, model: dict[str, Any]) -> None:
    tokenizer = train(TEXTS, trainer, preset=preset, model=model)
    text = TEXTS[0]
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True).strip() == text


def test_a_corpus_is_texts_or_lists_of_texts_or_files(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("".join(text + "\n" for text in TEXTS), encoding="utf-8")
    lines = [text + "\n" for text in TEXTS]
    wanted = train(lines, training.BpeTrainer(vocab_size=300), preset="gpt2").get_vocab()
    for corpus in (iter(lines), [lines[:5], lines[5:]], [path], path):
        assert train(corpus, training.BpeTrainer(vocab_size=300), preset="gpt2").get_vocab() == wanted


@pytest.mark.parametrize("corpus", ["a text", [1], [["a", 1]], [b"bytes", 2]])
def test_what_is_no_corpus_is_an_error(corpus: Any) -> None:
    with pytest.raises((ArgumentError, TypeError)):
        train(corpus, training.BpeTrainer(), preset="gpt2")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="absent"):
        train(tmp_path / "absent", training.BpeTrainer(), preset="gpt2")
    latin = tmp_path / "latin"
    latin.write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match="byte 3 is not UTF-8"):
        train(latin, training.BpeTrainer(), preset="gpt2")


@pytest.mark.parametrize(
    "make",
    [
        lambda: training.BpeTrainer(vocab_size=-1),
        lambda: training.BpeTrainer(special_tokens="<s>"),
        lambda: training.BpeTrainer(special_tokens=[""]),
        lambda: train(TEXTS, training.BpeTrainer(), preset="gpt5"),
        lambda: train(TEXTS, training.UnigramTrainer(vocab_size=3), preset="sentencepiece"),
        lambda: train(TEXTS, training.UnigramTrainer(shrinking_factor=1.0), preset="sentencepiece"),
        lambda: train(TEXTS, training.WordPieceTrainer(), preset="bert"),
    ],
)
def test_settings_that_make_no_sense_are_errors(make: Any) -> None:
    with pytest.raises(ValueError, match=r"vocab_size|special|preset|shrinking_factor"):
        make()


def test_an_interrupt_ends_the_training() -> None:
    def endless() -> Iterator[str]:
        yield from TEXTS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(endless(), training.BpeTrainer(), preset="gpt2")


def test_a_tokenizer_like_another_one() -> None:
    first = bpe(special_tokens=["<|end|>", "<|pad|>"])
    first.eos_token, first.pad_token = "<|end|>", "<|pad|>"
    first.model_max_length, first.padding_side = 77, "left"
    second = first.train_new_from_iterator(
        [["some other texts", "other texts"]],
        300,
        new_special_tokens=["<|new|>"],
        special_tokens_map={"<|end|>": "<eos>"},
    )
    assert len(second) <= 300
    assert second.eos_token == "<eos>"
    assert second.pad_token == "<|pad|>"
    assert second.convert_tokens_to_ids(["<eos>", "<|pad|>", "<|new|>"]) == [0, 1, 2]
    assert (second.model_max_length, second.padding_side) == (77, "left")
    text = "other texts, 你好"
    assert second.decode(second(text)["input_ids"]) == text


def test_a_template_gets_the_ids_of_the_new_vocabulary() -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    first = train(TEXTS, training.WordPieceTrainer(vocab_size=80, special_tokens=special), preset="bert")
    second = first.train_new_from_iterator(TEXTS, 70, special_tokens_map={"[CLS]": "<cls>"})
    ids = second("cat")["input_ids"]
    assert second.convert_ids_to_tokens([ids[0], ids[-1]]) == ["<cls>", "[SEP]"]


def test_the_command_writes_a_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from litz.tokenizers import from_pretrained

    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(TEXTS), encoding="utf-8")
    for kind in ("bpe", "wordpiece", "unigram", "wordlevel"):
        words = ["tokenizer", "train", str(corpus), "--vocab-size", "300", "--kind", kind, "-o", str(tmp_path / kind)]
        assert cli.main(words) == 0
        tokenizer = from_pretrained(tmp_path / kind)
        assert str(len(tokenizer)) in capsys.readouterr().out
        assert tokenizer("the cat")["input_ids"]
    assert cli.main(["tokenizer", "train", str(corpus), "--kind", "unigram", "--min-frequency", "2", "-o", "x"]) == 2
