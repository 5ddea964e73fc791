"""What holds for every text, whatever it is: found by Hypothesis, on both of our implementations."""

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litz import _core
from litz.tokenizers import python_backend
from tests.parity.harness import tiny_tokenizers as tiny

TEXTS = st.text(max_size=40) | st.lists(
    st.sampled_from([" ", "  ", "hello", "Ġ", "▁", "é", "e\u0301", "世", "😀", "\n", "<s>", "<0xE4>", "'s", "1"]),
    max_size=12,
).map("".join)
BOTH = pytest.mark.parametrize("kind", ["slow", "fast"])
quickly = settings(max_examples=60, deadline=None)


@functools.cache
def tokenizer(family: str, name: str, kind: str) -> Any:
    file = getattr(tiny, family)[name]().to_str()
    kinds: Any = {"slow": python_backend.PythonTokenizer, "fast": _core.Tokenizer}
    return kinds[kind].from_json(file.encode())


@BOTH
@quickly
@given(TEXTS)
def test_byte_level_text_comes_back(kind: str, text: str) -> None:
    ours = tokenizer("BYTE_LEVEL", "gpt2", kind)
    ids = ours.encode(text, False)
    assert ours.decode(ids) == text
    assert ours.decode_bytes(ids) == text.encode()


@BOTH
@quickly
@given(st.lists(st.integers(0, 700), max_size=12), st.sampled_from(["legacy", "gemma3", "metaspace-first-split"]))
def test_a_stream_says_what_the_whole_says(kind: str, ids: list[int], name: str) -> None:
    ours = tokenizer("SENTENCE_PIECE", name, kind)
    stream = ours.stream()
    streamed, decoded = "".join([*map(stream.push, ids), stream.finish()]), ours.decode(ids)
    # Of bytes that turn out to be unreadable, a stream may have shown complete characters before.
    assert "\ufffd" in decoded or streamed == decoded


@BOTH
@quickly
@given(TEXTS)
def test_offsets_stay_inside_the_text_and_in_order(kind: str, text: str) -> None:
    offsets = tokenizer("BYTE_LEVEL", "gpt2", kind).encode_full(text).offsets
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert list(offsets) == sorted(offsets)


@BOTH
@quickly
@given(TEXTS, st.integers(1, 9), st.integers(0, 8), st.sampled_from(["left", "right"]))
def test_what_is_cut_is_a_window_and_the_windows_cover_all(
    kind: str, text: str, size: int, stride: int, side: str
) -> None:
    ours = tokenizer("BYTE_LEVEL", "gpt2", kind)
    stride = min(stride, size - 1)
    whole = ours.encode(text, False)
    cut = ours.encode_full(text, add_special_tokens=False, max_length=size, stride=stride, truncation_side=side)
    windows = [list(cut.ids), *(list(part.ids) for part in cut.overflowing)]
    assert all(len(window) <= size for window in windows)
    ordered = windows if side == "right" else windows[::-1]
    assert windows[0] == (whole[:size] if side == "right" else whole[-size:])
    if side == "right":
        joined = ordered[0] + [id for window in ordered[1:] for id in window[stride:]]
        assert joined == whole
