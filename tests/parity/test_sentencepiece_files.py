"""SentencePiece's files: charsmaps, byte pieces and control pieces, as google/sentencepiece reads them."""
# ruff: noqa: E501

import random
import struct
from pathlib import Path

import pytest
import sentencepiece

from litz import _core
from litz.tokenizers import python_backend

MARK = "\u2581"
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
UNIGRAM, BPE = 1, 2
SPECIAL = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
BYTES = [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
# Rules whose beginnings are rules, too, and one that stops on the way to a longer one.
OVERLAPPING = {
    "a": "x",
    "ab": "",
    "abcd": "Q",
    "e": "é",
    "e\u0301\u0302": "!",
    "ﬁ": "fi",
    "ガ": "ga",
    "カ\u309b": "ガ",
    " \u0308": "¨",
}


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, content: float | int | bytes | str) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(content, float):
        return varint(number << 3 | 5) + struct.pack("<f", content)
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def model(pieces: list[tuple[str, float, int]], *, algorithm: int, normalizer: bytes, byte_fallback: bool) -> bytes:
    listed = b"".join(field(1, field(1, text) + field(2, score) + field(3, kind)) for text, score, kind in pieces)
    return listed + field(2, field(3, algorithm) + field(35, int(byte_fallback))) + field(3, normalizer)


def section(message: bytes, wanted: int) -> bytes:
    """The last field of this number that holds bytes."""
    at, found = 0, b""

    def number() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = number()
        if tag & 7 == 2:
            size = number()
            at += size
            if tag >> 3 == wanted:
                found = message[at - size : at]
        elif tag & 7 == 5:
            at += 4
        else:
            number()
    return found


def charsmap(rules: str, folder: Path) -> bytes:
    """The compiled rules: those that a name stands for, or `OVERLAPPING`."""
    if rules != "overlapping":
        made = sentencepiece.SentencePieceNormalizer(rule_name=rules)
    else:
        lines = (
            "\t".join(" ".join(f"{ord(char):X}" for char in side) for side in rule) for rule in OVERLAPPING.items()
        )
        (folder / "rules.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        made = sentencepiece.SentencePieceNormalizer(rule_tsv=str(folder / "rules.tsv"))
    return section(section(made.serialized_model_proto(), 3), 2)


def normalizer(rules: bytes, *, prefix: bool = True, squeeze: bool = True) -> bytes:
    return field(2, rules) + field(3, int(prefix)) + field(4, int(squeeze)) + field(5, 1)


def texts(alphabet: list[str], count: int) -> list[str]:
    draw = random.Random(7)
    return ["".join(draw.choice(alphabet) for _ in range(draw.randrange(12))) for _ in range(count)]


def cores(content: bytes, folder: Path) -> tuple[sentencepiece.SentencePieceProcessor, list]:
    """Google's reader and both of ours."""
    path = folder / "tokenizer.model"
    path.write_bytes(content)
    fast = _core.open_tokenizer("sentencepiece", [path])
    return sentencepiece.SentencePieceProcessor(model_proto=content), [
        fast,
        python_backend.PythonTokenizer.from_json(fast.to_json()),
    ]


COMBINING = [
    "ﬁ", "\u0301", "\u0302", "\u0308", "e", "a", "b", "c", "d", " ", "ｶ", "ﾞ", "カ", "\u309b", "ガ", "①", "Å", "\ufe0f", "가", "ᆨ",
    "\u200d", "\U0001f600", "\u0e33", "ſ", "\u00ad", "\x1b", "\u2028", "İ", "ẞ", "\r", "\n", "½",
]  # fmt: skip


@pytest.mark.parametrize("rules", ["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "overlapping"])
@pytest.mark.parametrize("squeeze", [False, True])
def test_the_longest_rule_counts_at_each_place(rules: str, squeeze: bool, tmp_path: Path) -> None:
    pieces = [*SPECIAL, *BYTES, (MARK, -1.5, NORMAL), ("f", -2.25, NORMAL), ("i", -2.5, NORMAL)]
    content = model(
        pieces, algorithm=UNIGRAM, normalizer=normalizer(charsmap(rules, tmp_path), squeeze=squeeze), byte_fallback=True
    )
    theirs, ours = cores(content, tmp_path)
    for core in ours:
        for text in texts(COMBINING, 400):
            assert core.encode(text, False) == theirs.encode(text), ascii(text)


SPELLED = ["<0x41>", "<0x0A>", "<0x", "41>", "a", "b", "0", "x", "<", ">", "A", "\n", " ", "é", "<0xe9>", "<0xE9>"]


@pytest.mark.parametrize("algorithm", [UNIGRAM, BPE])
@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("alphabet", ["", "ab0x", "ab0x<>4A1E9"])
def test_no_text_is_cut_into_byte_pieces(algorithm: int, byte_fallback: bool, alphabet: str, tmp_path: Path) -> None:
    normal = [(char, -2.0 - place / 8, NORMAL) for place, char in enumerate(alphabet)]
    pieces = [*SPECIAL, *(BYTES if byte_fallback else ()), (MARK, -1.5, NORMAL), *normal]
    content = model(pieces, algorithm=algorithm, normalizer=normalizer(b""), byte_fallback=byte_fallback)
    theirs, ours = cores(content, tmp_path)
    for core in ours:
        for text in [*SPELLED, *texts(SPELLED, 200)]:
            assert core.encode(text, False) == theirs.encode(text), text


def test_a_tokenizer_that_is_saved_keeps_this(tmp_path: Path) -> None:
    content = model(
        [*SPECIAL, *BYTES, (MARK, -1.5, NORMAL), ("f", -2.5, NORMAL), ("i", -2.0, NORMAL)], algorithm=UNIGRAM,
        normalizer=normalizer(charsmap("nmt_nfkc", tmp_path)), byte_fallback=True,
    )  # fmt: skip
    theirs, (fast, _) = cores(content, tmp_path)
    again = _core.Tokenizer.from_json(fast.to_json().encode())
    for text in ("<0x41>", "ﬁ\u0301x", "ｶﾞ"):
        assert again.encode(text, False) == theirs.encode(text)
    assert again.to_json() == fast.to_json()
