"""Every decoder, alone and in chains: whole text, stream and prepared table equal the `tokenizers` library."""

import json
import random
from typing import Any

import pytest
from tokenizers import Tokenizer as Reference
from tokenizers import decoders as streams
from tokenizers import models

from litz._core import Tokenizer
from litz.errors import LitzError
from litz.tokenizers import python_backend

TOKENS = [
    "a", "b", "hello", "Hello", "▁hello", "▁", "▁▁", "▁a▁", " ", "  ", " a ", "##ing", "##", "###", "a##b", ".", ",",
    "!", "?", "'", "n't", "'s", "'re", "'ve", "'m", "do", "not", " do not", " '", "' ", "▁'▁", "Ġ", "Ġworld", "Ċ", "ä",
    "½", "Ã", "©", "ðŁ", "ĺ", "Ģ", "ä½", "ł", "你", "好", "é", "😀", "\ufffd", "<pad>", "<unk>", "|", "||", "</w>",
    "a</w>",
    "</w></w>", "<0x41>", "<0xE4>", "<0xBD>", "<0xA0>", "<0xC3>", "<0xA9>", "<0xF0>", "<0x0A>", "<0xFF>", "<0x+1>",
    "<0xG1>", "<0x", "41>", "\n", "",
]  # fmt: skip
PAD = {"pad_token": "<pad>", "word_delimiter_token": "|"}
STAGES: list[dict[str, Any]] = [
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"type": "WordPiece", "prefix": "", "cleanup": False},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "BPEDecoder", "suffix": ""},
    {"type": "CTC", **PAD, "cleanup": True},
    {"type": "CTC", **PAD, "cleanup": False},
    {"type": "CTC", "pad_token": "a", "word_delimiter_token": "", "cleanup": True},
    {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    {"type": "Strip", "content": "a", "start": 2, "stop": 0},
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "Replace", "pattern": {"String": "aa"}, "content": "a"},
    {"type": "Replace", "pattern": {"String": "  "}, "content": ""},
    {"type": "Replace", "pattern": {"Regex": "[a-f]+"}, "content": "<0xE4>"},
    {"type": "ByteFallback"},
]
# What real files say.
REAL = {
    "byte_level": [STAGES[0]],
    "llama": [STAGES[14], STAGES[18], STAGES[11], STAGES[12]],
    "gemma": [STAGES[14], STAGES[18], STAGES[11]],
    "t5": [STAGES[3]],
    "bert": [STAGES[1]],
    "gpt": [STAGES[6]],
    "wav2vec": [STAGES[8]],
    "whisper_like": [STAGES[18], STAGES[3], STAGES[0]],
}


def both(stages: list[dict[str, Any]] | None) -> tuple[Reference, Tokenizer]:
    vocab = {token: id for id, token in enumerate(TOKENS)}
    reference = Reference(models.WordLevel(vocab, unk_token="<unk>"))
    reference.add_special_tokens(["<pad>", "<unk>", "</s>"])
    file = json.loads(reference.to_str())
    file["decoder"] = None if stages is None else {"type": "Sequence", "decoders": stages}
    text = json.dumps(file)
    return Reference.from_str(text), Tokenizer.from_json(text.encode())


def id_lists(draw: random.Random, count: int) -> list[list[int]]:
    """Lists with repetitions and runs of byte tokens, some with ids that have no token."""
    bytes_ = [id for id, token in enumerate(TOKENS) if token.startswith("<0x")]
    lists: list[list[int]] = [[], [0]]
    for _ in range(count):
        pool = draw.choice([range(len(TOKENS) + 1), bytes_, range(12), [*bytes_, 0, 7], [*range(31, 48)], range(99)])
        ids = [draw.choice(pool) for _ in range(draw.randint(1, 12))]
        lists.append([id for id in ids for _ in range(draw.choice([1, 1, 1, 2]))])
    return lists


def streamed(ours: Tokenizer, ids: list[int], *, skip: bool) -> str:
    stream = ours.stream(skip)
    return "".join([*map(stream.push, ids), stream.finish()])


def expected(reference: Reference, ids: list[int], *, skip: bool) -> str | None:
    """`None` where the reference panics."""
    try:
        return reference.decode(ids, skip_special_tokens=skip)
    except BaseException as error:
        assert type(error).__name__ == "PanicException"  # noqa: PT017
        return None


def assert_decodes_alike(stages: list[dict[str, Any]] | None, seed: int, count: int) -> None:
    reference, ours = both(stages)
    fresh = both(stages)[1]
    draw = random.Random(seed)
    for ids in id_lists(draw, count):
        for skip in (False, True):
            text = expected(reference, ids, skip=skip)
            decoded = ours.decode(ids, skip)
            # Of bytes that turn out to be unreadable, a stream may have shown complete characters before.
            assert "\ufffd" in decoded or decoded == streamed(ours, ids, skip=skip), (stages, ids)
            assert text is None or decoded == text, (stages, ids)
    warm = [id for ids in id_lists(draw, 40) for id in ids]  # enough for the table to be made
    assert fresh.decode(warm) == reference.decode(warm, skip_special_tokens=False)
    for ids in id_lists(draw, count // 4):
        text = expected(reference, ids, skip=True)
        assert text is None or fresh.decode(ids, True) == text, (stages, ids)


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_one_decoder_gives_the_text_of_the_reference(stage: int) -> None:
    assert_decodes_alike([STAGES[stage]], stage, 150)


@pytest.mark.parametrize("name", REAL)
def test_a_real_chain_gives_the_text_of_the_reference(name: str) -> None:
    assert_decodes_alike(REAL[name], 5, 600)


def test_without_a_decoder_there_are_spaces_between_tokens() -> None:
    assert_decodes_alike(None, 1, 100)


@pytest.mark.parametrize("seed", range(60))
def test_any_chain_gives_the_text_of_the_reference(seed: int) -> None:
    draw = random.Random(seed)
    assert_decodes_alike([draw.choice(STAGES) for _ in range(draw.randint(2, 5))], seed, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 1600))
def test_any_of_many_chains_gives_the_text_of_the_reference(seed: int) -> None:
    draw = random.Random(seed)
    assert_decodes_alike([draw.choice(STAGES) for _ in range(draw.randint(2, 6))], seed, 60)


def test_bytes_that_are_no_text_are_kept_on_request() -> None:
    ours = both(REAL["llama"])[1]
    ids = [TOKENS.index(token) for token in ["▁hello", "<0xE4>", "<0xBD>", "▁", "<0xFF>"]]
    for _ in range(20):  # with and without the table
        assert ours.decode_bytes(ids) == b"hello\xe4\xbd \xff"
        assert ours.decode(ids) == "hello\ufffd\ufffd \ufffd"


def test_a_stream_holds_back_no_more_than_it_must() -> None:
    stream = both(REAL["llama"])[1].stream(False)
    pushed = [stream.push(TOKENS.index(token)) for token in ["▁hello", "<0xE4>", "<0xBD>", "<0xFF>", "<0x41>", "a"]]
    assert pushed == ["hello", "", "", "\ufffd\ufffd\ufffd", "\ufffd", "a"]
    pushed = [stream.push(TOKENS.index(token)) for token in ["<0x41>", "<0xE4>", "<0xBD>", "<0xA0>", "<0xC3>", "a"]]
    assert pushed == ["A", "", "", "你", "", "\ufffda"]


# Where what follows looks at a run as a whole, its characters come together at its end.
SHOWN_AT_ONCE = {"gemma": True, "llama": True, "alone": True, "with a step before joining": False}
CHAINS = {
    **REAL,
    "alone": [STAGES[18]],
    "with a step before joining": [STAGES[18], {"type": "Strip", "content": "a", "start": 1, "stop": 0}, STAGES[11]],
}


@pytest.mark.parametrize("name", SHOWN_AT_ONCE)
@pytest.mark.parametrize("text", ["ሰላም ለዓለም", "héllo 你好 😀 end", "a", "é" * 9])
def test_a_stream_shows_each_character_of_byte_tokens_when_it_is_complete(name: str, text: str) -> None:
    file = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": {"type": "Sequence", "decoders": CHAINS[name]},
        "model": {"type": "BPE", "vocab": {f"<0x{byte:02X}>": byte for byte in range(256)}, "merges": []},
    }  # fmt: skip
    reference = Reference.from_str(json.dumps(file))
    for core in (Tokenizer.from_json(json.dumps(file).encode()), python_backend.PythonTokenizer(file)):
        theirs, ours = streams.DecodeStream(), core.stream(False)
        pushed = [ours.push(byte) for byte in text.encode()]
        expected_steps = [theirs.step(reference, byte) or "" for byte in text.encode()]
        whole = reference.decode(list(text.encode()))
        assert "".join([*pushed, ours.finish()]) == whole == core.decode(list(text.encode()))
        if SHOWN_AT_ONCE[name]:
            shown = "".join(pushed)
            assert pushed == expected_steps or shown.lstrip() == "".join(expected_steps).lstrip()
            assert all(piece == char for piece, char in zip(filter(None, pushed), shown, strict=True))


@pytest.mark.parametrize("stage", [{"type": "WordPiece", "prefix": "##"}, {"type": "CTC", **PAD}, {"type": "Other"}])
def test_a_wrong_decoder_is_refused(stage: dict[str, Any]) -> None:
    with pytest.raises(LitzError, match="decoder"):
        both_ours(stage)


def both_ours(stage: dict[str, Any]) -> Tokenizer:
    file = {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}, "decoder": stage}
    return Tokenizer.from_json(json.dumps(file).encode())
