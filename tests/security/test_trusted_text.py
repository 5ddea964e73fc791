"""With trusted ranges, special tokens come from nowhere else: whatever the model, the normalizer and the flags."""

import json
import random
from typing import Any

import pytest

from litz import _core
from litz.tokenizers import python_backend
from tests.unit import tiny

PLAIN = {"special": True, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}
CONTROL = ["<s>", "</s>", "<|im_end|>", "[CLS]", "aba", "<É>"]
WORDS = ["<unk>", *CONTROL, *"abcé<>/|_[]s", "im", "end", "CLS", "▁", "▁a", "##a", "##b"]


def file(model: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A tokenizer.json whose special tokens are words of its model, too."""
    flags = {**PLAIN, **more.pop("flags", {})}
    added = [{"id": WORDS.index(text), "content": text, **flags} for text in CONTROL]
    nothing = {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return {"version": "1.0", "added_tokens": added, **nothing, "model": model, **more}


VOCAB = {word: place for place, word in enumerate(WORDS)}
WORD_LEVEL = {"type": "WordLevel", "vocab": VOCAB, "unk_token": "<unk>"}
UNIGRAM = {"type": "Unigram", "vocab": [[word, -1.0 - len(word) % 3] for word in WORDS], "unk_id": 0}
WORD_PIECE = {
    "type": "WordPiece",
    "vocab": VOCAB,
    "unk_token": "<unk>",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
BPE = {"type": "BPE", "vocab": VOCAB, "merges": [], "unk_token": "<unk>", "ignore_merges": True}
SPACES = {"type": "WhitespaceSplit"}
FILES = {
    "words": file(WORD_LEVEL, pre_tokenizer=SPACES),
    "words without a pre-tokenizer": file(WORD_LEVEL),
    "unigram": file(UNIGRAM, pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}),
    "word pieces": file(WORD_PIECE, pre_tokenizer=SPACES),
    "whole words of merges": file(BPE, pre_tokenizer=SPACES),
    "normalized tokens": file(UNIGRAM, flags={"normalized": True}),
    "normalized tokens, lower case": file(UNIGRAM, flags={"normalized": True}, normalizer={"type": "Lowercase"}),
    "normalized tokens, decomposed": file(UNIGRAM, flags={"normalized": True}, normalizer={"type": "NFD"}),
    "white space beside tokens": file(WORD_LEVEL, pre_tokenizer=SPACES, flags={"lstrip": True, "rstrip": True}),
    "single words": file(UNIGRAM, flags={"single_word": True}),
    "lower case": file(UNIGRAM, normalizer={"type": "Lowercase"}),
}


def pieces(generator: random.Random) -> list[tuple[str, bool]]:
    """What a template and a message write in turn: whole special tokens, halves of them, letters, spaces."""
    whole = [*CONTROL, "<S>", "[cls]", "<e\u0301>", " ", "\n", "ab", "c"]
    halves = [text[cut:] for text in CONTROL for cut in (1, 2)] + [text[:cut] for text in CONTROL for cut in (1, 2)]
    return [(generator.choice(whole + halves), generator.random() < 0.5) for _ in range(generator.randrange(1, 12))]


def ranges_of(parts: list[tuple[str, bool]]) -> list[tuple[int, int]]:
    """The bytes of the trusted parts; neighbours are one range."""
    ranges: list[tuple[int, int]] = []
    start = 0
    for text, trusted in parts:
        end = start + len(text.encode())
        if trusted and ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], end)
        elif trusted:
            ranges.append((start, end))
        start = end
    return ranges


@pytest.mark.parametrize("name", FILES)
def test_special_tokens_lie_in_trusted_text(name):
    core = _core.Tokenizer.from_json(json.dumps(FILES[name]).encode())
    judge = python_backend.PythonTokenizer(FILES[name])
    special = {WORDS.index(text) for text in CONTROL}
    generator = random.Random(name)
    found = 0
    for _ in range(400):
        parts = pieces(generator)
        text, trusted = "".join(part for part, _ in parts), ranges_of(parts)
        ids = core.encode(text, False, trusted)
        encoding = core.encode_full(text, add_special_tokens=False, trusted=trusted)
        assert ids == encoding.ids == judge.encode(text, False, trusted), (text, trusted)
        assert not special & set(core.encode(text, False, [])), text
        assert core.encode(text, False, [(0, len(text.encode()))]) == core.encode(text, False), text
        mine = {place for start, end in trusted for place in range(start, end)}
        for id, (start, end) in zip(ids, encoding.offsets, strict=True):
            if id in special:
                found += 1
                token = text[start:end].strip()
                first = len(text[:start].encode()) + len(text[start:end]) - len(text[start:end].lstrip())
                assert mine.issuperset(range(first, first + len(token.encode()))), (text, trusted, token)
    assert found > 50


def test_a_rendered_chat_is_what_it_was_where_nothing_attacks():
    core = _core.Tokenizer.from_json(tiny.tokenizer_json())
    text = "<bos><user>hi you<assistant>well<eos>"
    trusted = [(0, 11), (17, 28), (32, 37)]
    assert core.encode(text, False, trusted) == core.encode(text, False)
