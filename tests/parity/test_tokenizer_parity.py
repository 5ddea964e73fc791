"""Ids and text equal to those of the `tokenizers` library, and streams equal to whole decodes."""

import functools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Reference
from tokenizers import models

from litz._core import TensorFile, Tokenizer, open_tokenizer
from tests.assets import asset
from tests.parity.harness import tiny_tokenizers as tiny
from tests.parity.harness.fuzz_texts import id_lists, texts

SEPARATOR = "\n__ggml_vocab_test__\n"
# The vocabularies with expected ids whose kind litz reads.
VOCABULARIES = [
    "bert-bge", "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gemma-4", "gpt-2", "llama-bpe", "llama-spm",
    "mpt", "phi-3", "qwen2", "qwen35", "refact", "starcoder",
]  # fmt: skip
REAL = ["gemma", "gemma3", "gpt2", "llama2", "llama3_1", "qwen2_5", "qwen3"]


@functools.cache
def pair(family: str, name: str) -> tuple[Reference, Tokenizer]:
    return both(getattr(tiny, family)[name]())


def both(reference: Reference) -> tuple[Reference, Tokenizer]:
    return reference, Tokenizer.from_json(reference.to_str().encode())


def assert_encodes_alike(reference: Reference, ours: Tokenizer, inputs: Iterable[str]) -> None:
    for text in inputs:
        for special in (False, True):
            expected = reference.encode(text, add_special_tokens=special).ids
            assert ours.encode(text, special) == expected, text


def streamed(ours: Tokenizer, ids: list[int], *, skip: bool) -> str:
    stream = ours.stream(skip)
    return "".join([*map(stream.push, ids), stream.finish()])


def assert_decodes_alike(reference: Reference, ours: Tokenizer, inputs: Iterable[list[int]]) -> None:
    for ids in inputs:
        for skip in (False, True):
            expected = reference.decode(ids, skip_special_tokens=skip)
            assert ours.decode(ids, skip) == expected, ids
            # Of bytes that turn out to be unreadable, a stream may have shown complete characters before.
            assert "\ufffd" in expected or streamed(ours, ids, skip=skip) == expected, ids


def assert_alike(reference: Reference, ours: Tokenizer, count: int, extra: tuple[str, ...] = ()) -> None:
    inputs = list(texts(count, 1, extra))
    assert ours.vocab() == reference.get_vocab()
    assert_encodes_alike(reference, ours, inputs)
    assert_decodes_alike(reference, ours, (reference.encode(text).ids for text in inputs))
    assert_decodes_alike(reference, ours, id_lists(reference.get_vocab(), count, 2))


@pytest.mark.parametrize("name", tiny.BYTE_LEVEL)
def test_a_byte_level_tokenizer_gives_the_ids_and_the_text_of_the_reference(name: str) -> None:
    assert_alike(*pair("BYTE_LEVEL", name), 700)


@pytest.mark.parametrize("name", tiny.SENTENCE_PIECE)
def test_a_sentence_piece_tokenizer_gives_the_ids_and_the_text_of_the_reference(name: str) -> None:
    assert_alike(*pair("SENTENCE_PIECE", name), 700)


@pytest.mark.parametrize("name", ["gpt2", "llama3", "qwen2", "smollm"])
def test_byte_level_text_comes_back_as_it_was(name: str) -> None:
    ours = Tokenizer.from_json(tiny.BYTE_LEVEL[name]().to_str().encode())
    for text in texts(500, 3):
        ids = ours.encode(text, False)
        expected = tiny.normalizers.NFC().normalize_str(text) if name in tiny.KNOWN_SPLITS else text
        assert ours.decode_bytes(ids) == expected.encode()


@pytest.mark.parametrize("base", ["BYTE_LEVEL/gpt2", "BYTE_LEVEL/qwen2", "SENTENCE_PIECE/legacy"])
def test_added_tokens_are_found_as_the_reference_finds_them(base: str) -> None:
    family, name = base.split("/")
    reference, ours = both(tiny.with_added(getattr(tiny, family)[name]()))
    assert_alike(reference, ours, 1500, tiny.ADDED_TEXTS)
    assert ours.vocab_size() == reference.get_vocab_size()
    assert ours.vocab_size(with_added=False) == reference.get_vocab_size(with_added_tokens=False)


def test_metaspace_puts_no_mark_after_an_added_token_that_begins_the_text() -> None:
    reference, ours = both(tiny.with_added(tiny.SENTENCE_PIECE["metaspace-first-split"]()))
    assert_encodes_alike(reference, ours, ["<T1>hello", "hello<T1>hello", " <T1> hello", "<T1><T3>", "É hello"])


@pytest.mark.parametrize("name", tiny.PRE_TOKENIZERS)
def test_a_pre_tokenizer_cuts_where_the_reference_cuts(name: str) -> None:
    reference = tiny.trained(None, tiny.PRE_TOKENIZERS[name], None, size=300, **tiny.UNKNOWN)
    assert_encodes_alike(*both(reference), texts(300, 4))


@pytest.mark.parametrize("name", tiny.NORMALIZERS)
def test_a_normalizer_writes_what_the_reference_writes(name: str) -> None:
    reference = tiny.trained(tiny.NORMALIZERS[name], tiny.pre_tokenizers.Whitespace(), None, size=300, **tiny.UNKNOWN)
    reference, ours = both(tiny.with_added(reference))
    assert_encodes_alike(reference, ours, texts(300, 5, tiny.ADDED_TEXTS))


@pytest.mark.parametrize("name", tiny.DECODERS)
def test_a_decoder_reads_what_the_reference_reads(name: str) -> None:
    reference = tiny.sentence_piece(None, tiny.pre_tokenizers.Metaspace(), tiny.DECODERS[name])
    reference, ours = both(reference)
    assert_decodes_alike(reference, ours, id_lists(reference.get_vocab(), 1500, 6))


@pytest.mark.parametrize("kind", ["template", "sequence", "bert", "roberta", "byte-level"])
def test_a_post_processor_puts_the_special_tokens_of_the_reference(kind: str) -> None:
    reference, ours = both(tiny.with_post_processor(tiny.BYTE_LEVEL["gpt2"](), kind))
    assert_encodes_alike(reference, ours, texts(50, 7))
    for special in (False, True):
        expected = reference.encode("Hello", "world's", add_special_tokens=special).ids
        assert ours.encode_pair("Hello", "world's", special) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"end_of_word_suffix": "</w>"},
        {"continuing_subword_prefix": "##"},
        {"end_of_word_suffix": "</w>", "continuing_subword_prefix": "##", "fuse_unk": True},
        {"fuse_unk": True},
        {"ignore_merges": True},
        {"dropout": 0.0},
    ],
    ids=lambda options: "+".join(options),
)
def test_an_option_of_the_model_acts_as_in_the_reference(options: dict[str, object]) -> None:
    whitespace = tiny.pre_tokenizers.Whitespace()
    assert_encodes_alike(*both(tiny.trained(None, whitespace, None, unk_token="<unk>", **options)), texts(500, 8))


def test_unknown_characters_without_an_unknown_token_are_left_out() -> None:
    assert_encodes_alike(*both(tiny.trained(None, tiny.pre_tokenizers.Whitespace(), None)), texts(300, 9))


def test_merges_in_both_notations_are_the_same() -> None:
    reference = tiny.BYTE_LEVEL["gpt2"]()
    file = json.loads(reference.to_str())
    file["model"]["merges"] = ["#version: 0.2", *(" ".join(merge) for merge in file["model"]["merges"])]
    assert_encodes_alike(reference, Tokenizer.from_json(json.dumps(file).encode()), texts(200, 10))


def test_long_words_merge_as_the_reference_merges_them() -> None:
    reference, ours = pair("SENTENCE_PIECE", "legacy")
    long = ["hello world " * 300, "a" * 5000, " " * 5000, "你好世界" * 900, "countdown" * 700 + "😀" * 300]
    assert_encodes_alike(reference, ours, [*long, "".join(texts(300, 11))])


def test_ids_without_a_token_are_left_out_as_in_the_reference() -> None:
    reference = Reference(models.BPE({"a": 0, "b": 1}, []))
    assert_decodes_alike(*both(reference), [[0, 7, 1, 2**32 - 1]])


def lines_of_ids(path: Path) -> list[list[int]]:
    return [[int(id) for id in line.split()] for line in path.read_text("utf-8").split("\n")]


@pytest.mark.slow
@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_gguf_vocabulary_gives_the_ids_that_came_with_it(name: str) -> None:
    path = asset("llama-models") / f"ggml-vocab-{name}.gguf"
    ours = Tokenizer.from_gguf(TensorFile(path))
    inputs = Path(f"{path}.inp").read_bytes().decode().split(SEPARATOR)
    expected = lines_of_ids(Path(f"{path}.out"))[: len(inputs)]
    assert [ours.encode(text, False) for text in inputs] == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_real_tokenizer_file_gives_the_ids_and_the_text_of_the_reference(name: str) -> None:
    path = asset(f"tokenizer-{name}") / "tokenizer.json"
    reference, ours = Reference.from_file(str(path)), Tokenizer.from_json(path.read_bytes())
    assert_alike(reference, ours, 1500, tuple(token for _, token, *_ in ours.added_tokens()[:20]))


@pytest.mark.slow
@pytest.mark.parametrize(("gguf", "name"), [("gpt-2", "gpt2"), ("llama-bpe", "llama3_1")])
def test_a_gguf_vocabulary_equals_the_tokenizer_file_of_the_same_model(gguf: str, name: str) -> None:
    ours = Tokenizer.from_gguf(TensorFile(asset("llama-models") / f"ggml-vocab-{gguf}.gguf"))
    reference = Reference.from_file(str(asset(f"tokenizer-{name}") / "tokenizer.json"))
    assert_encodes_alike(reference, ours, texts(1000, 12))


@pytest.mark.slow
def test_the_scores_of_a_gguf_file_merge_as_the_merges_of_the_tokenizer_file() -> None:
    ours = Tokenizer.from_gguf(TensorFile(asset("gemma3-270m")))
    reference = Reference.from_file(str(asset("tokenizer-gemma3") / "tokenizer.json"))
    # A mark in the text itself is a space to one of the two.
    assert_encodes_alike(reference, ours, (text for text in texts(2000, 13) if "▁" not in text))


@pytest.mark.slow
def test_what_compiling_a_gguf_file_gives_is_kept_and_is_the_same(tmp_path: Path) -> None:
    path = asset("smollm2")
    opened = [open_tokenizer("gguf", [path], cache=tmp_path) for _ in range(2)]
    assert [kept.suffix for kept in tmp_path.iterdir()] == [".bin"]
    compiled = Tokenizer.from_gguf(TensorFile(path))
    for tokenizer in opened:
        assert tokenizer.to_json() == compiled.to_json()
        assert all(tokenizer.encode(text) == compiled.encode(text) for text in texts(500, 17))


@pytest.mark.slow
def test_the_default_model_chats_in_its_own_tokens() -> None:
    ours = Tokenizer.from_gguf(TensorFile(asset("smollm2")))
    text = "<|im_start|>user\nIt's 2024, 你好 🚀<|im_end|>\n"
    ids = ours.encode(text)
    assert (ids[0], ids[-2]) == (1, 2)
    assert ours.decode(ids) == streamed(ours, ids, skip=False) == text
    assert ours.decode(ids, skip_special_tokens=True) == "user\nIt's 2024, 你好 🚀\n"
