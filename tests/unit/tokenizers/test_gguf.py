"""Tokenizers from GGUF metadata: equal to SentencePiece and to the reference, with errors that name the key."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import Tokenizer as Reference

import litz
from litz import AutoTokenizer
from litz._core import TensorFile, Tokenizer
from litz.errors import ArgumentError, FormatError, LitzError, UnsupportedError
from litz.generation.gguf import special_tokens
from tests.builders import ARRAY, BOOL, F32, I32, TEXT, U32, Gguf, array, entry, scalar
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import CORPUS, texts

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
Entries = dict[str, bytes]


def key(name: str, kind: int, value: object) -> Entries:
    payload = array(kind, value) if isinstance(value, list) else scalar(kind, value)
    return {name: entry(f"tokenizer.ggml.{name}", ARRAY if isinstance(value, list) else kind, payload)}


def load(entries: Entries, folder: Path) -> Tokenizer:
    path = folder / "vocabulary.gguf"
    path.write_bytes(Gguf(list(entries.values())).build())
    return Tokenizer.from_gguf(TensorFile(path))


def byte_level(reference: Reference, pre: str) -> Entries:
    vocab = sorted(reference.get_vocab(), key=reference.token_to_id)
    special = {token.content for token in reference.get_added_tokens_decoder().values()}
    merges = [" ".join(merge) for merge in json.loads(reference.to_str())["model"]["merges"]]
    kinds = [CONTROL if token in special else NORMAL for token in vocab]
    return (
        key("model", TEXT, "gpt2")
        | key("pre", TEXT, pre)
        | key("tokens", TEXT, vocab)
        | key("token_type", I32, kinds)
        | key("merges", TEXT, merges)
        | key("bos_token_id", U32, 1)
        | key("eos_token_id", U32, 2)
    )


def sentence_piece(*, dummy_prefix: bool) -> sentencepiece.SentencePieceProcessor:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in CORPUS * 5 for line in text.split("\n") if line]),
        model_writer=model,
        vocab_size=520,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        add_dummy_prefix=dummy_prefix,
        user_defined_symbols=["<|user|>", "<|end|>"],
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def scored(reference: sentencepiece.SentencePieceProcessor, *, dummy_prefix: bool) -> Entries:
    ids = range(reference.get_piece_size())
    control, user = {1, 2}, {reference.piece_to_id(piece) for piece in ["<|user|>", "<|end|>"]}

    def kind(id: int) -> int:
        if reference.is_unknown(id):
            return UNKNOWN
        return CONTROL if id in control else USER_DEFINED if id in user else BYTE if reference.is_byte(id) else NORMAL

    return (
        key("model", TEXT, "llama")
        | key("tokens", TEXT, [reference.id_to_piece(id) for id in ids])
        | key("scores", F32, [reference.get_score(id) for id in ids])
        | key("token_type", I32, [kind(id) for id in ids])
        | key("bos_token_id", U32, 1)
        | key("eos_token_id", U32, 2)
        | key("unknown_token_id", U32, 0)
        | key("add_space_prefix", BOOL, dummy_prefix)
    )


def plain_texts(count: int, seed: int) -> Iterable[str]:
    """Texts in which nothing looks like a control token, which SentencePiece never reads from text."""
    return (text for text in texts(count, seed) if "<s>" not in text and "</s>" not in text and "<unk>" not in text)


PRE = {"gpt-2": "gpt2", "llama-bpe": "llama3", "qwen2": "qwen2", "smollm": "smollm", "tekken": "tekken"}


@pytest.mark.parametrize("pre", PRE)
def test_a_byte_level_vocabulary_is_the_tokenizer_that_it_was_made_from(pre: str, tmp_path: Path) -> None:
    reference = tiny.BYTE_LEVEL[PRE[pre]]()
    ours = load(byte_level(reference, pre) | key("add_bos_token", BOOL, False), tmp_path)
    composed = pre != "tekken" and reference.normalizer is not None
    for text in texts(400, 20):
        text = tiny.normalizers.NFC().normalize_str(text) if composed or pre == "tekken" else text
        ids = reference.encode(text).ids
        # These two take a piece that is a token as it is, whatever the merges say.
        if pre not in ("llama-bpe", "tekken"):
            assert ours.encode(text) == ids, text
        assert ours.decode(ids) == reference.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("dummy_prefix", [True, False])
def test_scores_merge_as_sentence_piece_merges_them(dummy_prefix: bool, tmp_path: Path) -> None:
    reference = sentence_piece(dummy_prefix=dummy_prefix)
    ours = load(scored(reference, dummy_prefix=dummy_prefix), tmp_path)
    for text in plain_texts(1500, 21):
        if text and "\0" not in text:
            assert ours.encode(text, False) == reference.encode(text), text
            assert ours.decode(reference.encode(text)) == reference.decode(reference.encode(text)), text


def test_symbols_of_the_user_are_found_in_the_text_and_control_tokens_too(tmp_path: Path) -> None:
    ours = load(scored(sentence_piece(dummy_prefix=False), dummy_prefix=False), tmp_path)
    user, end = ours.token_to_id("<|user|>"), ours.token_to_id("<|end|>")
    assert ours.encode("<s><|user|><|end|></s>", False) == [1, user, end, 2]
    assert ours.decode([1, user, end, 2], skip_special_tokens=True) == "<|user|><|end|>"


@pytest.mark.parametrize(("bos", "eos"), [(None, None), (True, True), (False, None), (False, True)])
def test_the_file_says_what_surrounds_a_text(bos: bool | None, eos: bool | None, tmp_path: Path) -> None:
    entries = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True)
    entries |= {} if bos is None else key("add_bos_token", BOOL, bos)
    entries |= {} if eos is None else key("add_eos_token", BOOL, eos)
    ours = load(entries, tmp_path)
    middle = ours.encode("hello", False)
    assert ours.encode("hello") == [1] * (bos is not False) + middle + [2] * bool(eos)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (key("model", TEXT, "plamo2"), UnsupportedError, "the kind \"plamo2\" is not implemented"),
        (key("pre", TEXT, "unheard-of"), UnsupportedError, 'pre: "unheard-of"'),
        ({"pre": b""}, UnsupportedError, r"no tokenizer.ggml.pre"),
        ({"model": b""}, FormatError, "no tokenizer.ggml.model"),
        ({"tokens": b""}, FormatError, "no tokenizer.ggml.tokens"),
        ({"merges": b""}, FormatError, "no tokenizer.ggml.merges"),
        (key("merges", TEXT, ["ab"]), FormatError, r"merges\[0\]: found \"ab\", expected two tokens"),
        (key("merges", TEXT, ["a nowhere"]), FormatError, r"merges\[0\]: \"nowhere\" is not in the vocabulary"),
        (key("tokens", TEXT, ["a", "a"]), FormatError, "two ids, 0 and 1"),
        (key("tokens", TEXT, ["a", b"\xff"]), FormatError, r"tokens\[1\]: the token is not UTF-8"),
        (key("token_type", I32, [NORMAL]), FormatError, "found 1 items, expected"),
        (key("token_type", F32, [1.0]), FormatError, "an array of I32"),
        (key("bos_token_id", TEXT, "<s>") | key("add_bos_token", BOOL, True), FormatError, "bos_token_id. is text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_vocabulary_is_named(
    change: Entries, error: type[LitzError], message: str, tmp_path: Path
) -> None:
    entries = byte_level(tiny.BYTE_LEVEL["gpt2"](), "gpt-2") | change
    if change.keys() == {"tokens"}:
        entries.pop("token_type")
    with pytest.raises(error, match=message):
        load({name: value for name, value in entries.items() if value}, tmp_path)


def test_scores_that_are_missing_or_too_few_are_named(tmp_path: Path) -> None:
    entries = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True)
    with pytest.raises(FormatError, match="scores: found 2 items"):
        load(entries | key("scores", F32, [0.0, 1.0]), tmp_path)
    entries.pop("scores")
    with pytest.raises(FormatError, match=r"no tokenizer.ggml.scores"):
        load(entries, tmp_path)


def test_what_a_caller_passes_counts_before_the_header(tmp_path: Path) -> None:
    entries = byte_level(tiny.BYTE_LEVEL["gpt2"](), "gpt-2")
    load(entries, tmp_path)
    path = tmp_path / "vocabulary.gguf"
    plain = AutoTokenizer.from_pretrained(path)
    passed = {"pad_token": "[PAD]", "padding_side": "left", "model_max_length": 7, "add_eos_token": True}
    for fast in (True, False):
        ours = AutoTokenizer.from_pretrained(path, use_fast=fast, **passed)
        assert (ours.pad_token_id, ours.padding_side, ours.model_max_length) == (len(plain), "left", 7)
        assert ours.bos_token == plain.bos_token
        assert ours("ab")["input_ids"] == [*plain("ab")["input_ids"], plain.eos_token_id]
    with pytest.raises(ArgumentError, match="legacy would have no effect on this tokenizer"):
        AutoTokenizer.from_pretrained(path, legacy=True)


def from_pretrained(entries: Entries, folder: Path) -> litz.Tokenizer:
    path = folder / "vocabulary.gguf"
    path.write_bytes(Gguf(list(entries.values())).build())
    return litz.AutoTokenizer.from_pretrained(path)


class TestIdsThatNameNoToken:
    """As llama.cpp: each counts as not given, and the kind of vocabulary says what that means."""

    @pytest.mark.parametrize("name", ["padding", "seperator", "separator", "mask", "cls"])
    @pytest.mark.parametrize(("kind", "id"), [(U32, 2**32 - 1), (I32, -1)])
    def test_the_two_that_say_none_are_none(self, name: str, kind: int, id: int, tmp_path: Path) -> None:
        entries = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True)
        ours = from_pretrained(entries | key(f"{name}_token_id", kind, id), tmp_path)
        tokens = (ours.pad_token, ours.sep_token, ours.mask_token, ours.cls_token)
        assert tokens == (None, None, None, None)
        assert ours.bos_token_id == 1

    @pytest.mark.parametrize(("name", "id"), [("padding", 520), ("mask", 99999), ("padding", 2**31)])
    def test_any_other_is_named_in_a_warning(self, name: str, id: int, tmp_path: Path) -> None:
        entries = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True)
        with pytest.warns(UserWarning, match=rf"{name}_token_id = {id}"):
            assert from_pretrained(entries | key(f"{name}_token_id", U32, id), tmp_path).pad_token is None

    @pytest.mark.parametrize("given", [{}, key("bos_token_id", U32, 2**32 - 1), key("bos_token_id", I32, -1)])
    def test_scored_vocabularies_begin_with_1_and_end_with_2_where_nothing_is_said(
        self, given: Entries, tmp_path: Path
    ) -> None:
        whole = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True) | key("add_eos_token", BOOL, True)
        expected = from_pretrained(whole, tmp_path)
        silent = {name: value for name, value in whole.items() if not name.endswith("_token_id")}
        found = from_pretrained(silent | given, tmp_path)
        assert found.encode("hello") == expected.encode("hello")
        assert (found.bos_token, found.eos_token, found.unk_token) == ("<s>", "</s>", "<unk>")

    @pytest.mark.parametrize("name", ["eos", "padding", "eot", "eom", "bos"])
    @pytest.mark.parametrize(("kind", "id"), [(U32, 2**32 - 1), (I32, -1), (U32, 10**6)])
    @pytest.mark.filterwarnings("ignore:the vocabulary has")
    def test_generation_reads_the_same_ids(self, name: str, kind: int, id: int, tmp_path: Path) -> None:
        entries = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True) | key(f"{name}_token_id", kind, id)
        path = tmp_path / "vocabulary.gguf"
        path.write_bytes(Gguf(list(entries.values())).build())
        assert special_tokens(path) == {"bos_token_id": 1, "eos_token_id": [2], "pad_token_id": None}

    def test_byte_level_vocabularies_begin_with_11_where_they_add_one_and_name_none(self, tmp_path: Path) -> None:
        entries = byte_level(tiny.BYTE_LEVEL["gpt2"](), "gpt-2") | key("add_bos_token", BOOL, True)
        ours = load({name: value for name, value in entries.items() if name != "bos_token_id"}, tmp_path)
        assert ours.encode("hello") == [11, *ours.encode("hello", False)]

    @pytest.mark.parametrize("value", [(TEXT, "<pad>"), (F32, 1.0), (BOOL, True), (I32, [1])])
    def test_a_value_of_another_kind_is_an_error_that_names_the_key(self, value: tuple, tmp_path: Path) -> None:
        entries = scored(sentence_piece(dummy_prefix=True), dummy_prefix=True)
        with pytest.raises(LitzError, match="padding_token_id"):
            from_pretrained(entries | key("padding_token_id", *value), tmp_path)
