"""Hostile GGUF and safetensors files: each is refused with a text that says why, before memory is taken for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from litz._core import TensorFile
from litz.errors import FileAccessError, FormatError
from tests.builders import (
    ARRAY,
    BOOL,
    I32,
    TEXT,
    U8,
    U32,
    U64,
    Gguf,
    Tensor,
    array,
    entry,
    real_shaped_gguf,
    real_shaped_safetensors,
    row,
    safetensors,
    scalar,
    text,
    u32,
    u64,
)

HUGE = 2**64 - 1


def nested(depth: int) -> bytes:
    """An array within an array, `depth` deep."""
    return b"".join(u32(ARRAY) + u64(1) for _ in range(depth - 1)) + array(U8, [1])


def aligned_to(value: bytes, kind: int = U32) -> bytes:
    return Gguf([entry("general.alignment", kind, value)], [Tensor()]).build()


def of(*tensors: Tensor) -> bytes:
    return Gguf(tensors=tensors).build()


def with_entry(kind: int, payload: bytes) -> bytes:
    return Gguf([entry("k", kind, payload)]).build()


HOSTILE_GGUF = {
    "magic only": (b"GGUF", "the version at byte 4 takes 4 bytes, and the file has 0 more"),
    "version 1": (Gguf(version=1).build(), "version 1, whose lengths have 32 bits"),
    "version 4": (Gguf(version=4).build(), "has the version 4; expected little-endian version 2 or 3"),
    "big-endian version": (Gguf(version=3 << 24).build(), "is big-endian"),
    "tensor count huge": (Gguf(tensor_count=HUGE).build(), f"the number of tensors at byte 8 is {HUGE}"),
    "tensor count beyond the file": (
        Gguf(tensors=[Tensor()], tensor_count=9).build(),
        "the number of tensors at byte 8 is 9",
    ),
    "tensor count too high by one": (Gguf(tensors=[Tensor()], tensor_count=2).build(), "tensor"),
    "key count huge": (Gguf(entry_count=2**63).build(), f"the number of metadata keys at byte 16 is {2**63}"),
    "key count too high by one": (
        Gguf([entry("k", U8, b"\1")], [Tensor()], entry_count=2).build(),
        "the name of tensor 0",
    ),
    "key length huge": (Gguf([u64(HUGE) + bytes(30)]).build(), f"the metadata key 0 at byte 32 takes {HUGE} bytes"),
    "key length beyond the file": (Gguf([text("k", length=99) + u32(U8) + b"\1"]).build(), "takes 99 bytes"),
    "key empty": (Gguf([entry("", U8, b"\1")]).build(), "the metadata key 0 at byte 32 has 0 bytes"),
    "key too long": (Gguf([entry("k" * 65_536, U8, b"\1")]).build(), "has 65536 bytes; expected 1 to 65535"),
    "key not UTF-8": (Gguf([entry(b"ab\xff", U8, b"\1")]).build(), "not UTF-8: byte 34 of the file is 0xff"),
    "key twice": (
        Gguf([entry("k", U8, b"\1"), entry("j", U8, b"\1"), entry("k", U8, b"\2")]).build(),
        '"k" occurs twice',
    ),
    "value type unknown": (with_entry(13, b"\1"), 'the type of the metadata "k" at byte 33 is 13'),
    "value type huge": (with_entry(2**32 - 1, b"\1"), "is 4294967295; GGUF has the types 0 (U8) to 12 (F64)"),
    "text length huge": (with_entry(TEXT, u64(HUGE - 7)), f'the metadata "k" at byte 45 takes {HUGE - 7} bytes'),
    "Boolean 2": (with_entry(BOOL, b"\2"), "holds 2 at byte 37; a Boolean is 0 or 1"),
    "Boolean 255 in an array": (with_entry(ARRAY, array(BOOL, [1, 0, 255])), "holds 255 at byte 51"),
    "array count huge": (with_entry(ARRAY, array(U64, [1], count=2**61)), f"is {2**61}, and the"),
    "array count wraps to its size": (with_entry(ARRAY, array(U64, [1], count=2**61 + 1)), f"is {2**61 + 1}, and the"),
    "array of texts beyond the file": (with_entry(ARRAY, array(TEXT, ["a"], count=2**40)), "the number of items"),
    "text of an array beyond the file": (with_entry(ARRAY, u32(TEXT) + u64(1) + u64(99)), 'item 0 of the metadata "k"'),
    "array item type unknown": (
        with_entry(ARRAY, u32(77) + u64(0)),
        'the item type of the metadata "k" at byte 37 is 77',
    ),
    "arrays of arrays beyond the file": (with_entry(ARRAY, u32(ARRAY) + u64(2**59) + bytes(24)), "hold at most"),
    "arrays nested too deep": (with_entry(ARRAY, nested(9)), "nests arrays more than 8 deep"),
    "arrays nested far too deep": (with_entry(ARRAY, nested(100_000)), "nests arrays more than 8 deep"),
    "alignment 0": (aligned_to(scalar(U32, 0)), "general.alignment is the integer 0; expected a power of two"),
    "alignment 3": (aligned_to(scalar(U32, 3)), "general.alignment is the integer 3"),
    "alignment huge": (aligned_to(scalar(U32, 2**31)), "general.alignment is the integer 2147483648"),
    "alignment wraps": (aligned_to(scalar(U64, 2**63), U64), "general.alignment is the integer 9223372036854775808"),
    "alignment negative": (aligned_to(scalar(I32, -32), I32), "general.alignment is the integer -32"),
    "alignment of text": (aligned_to(text("32"), TEXT), "general.alignment is text"),
    "tensor name huge": (Gguf(tensors=[Tensor()]).build().replace(text("t"), u64(HUGE) + b"t"), "the name of tensor 0"),
    "tensor name empty": (of(Tensor("")), "the name of tensor 0 at byte 32 has 0 bytes"),
    "tensor name not UTF-8": (of(Tensor(b"\xc3(")), "the name of tensor 0 is not UTF-8: byte 32 of the file is 0xc3"),
    "tensor name with control characters": (
        of(Tensor("\x1b[2J", kind=99)),
        r'the tensor "\u{1b}[2J" has the GGML type',
    ),
    "tensor twice": (of(Tensor("t"), Tensor("t")), 'the tensor name "t" occurs twice'),
    "rank 5": (of(Tensor(sizes=(1, 1, 1, 1, 4))), "has 5 dimensions; GGUF has at most 4"),
    "rank huge": (of(Tensor(rank=2**32 - 1)), "has 4294967295 dimensions"),
    "dimension 0": (of(Tensor(sizes=(4, 0))), 'the tensor "t" has a dimension of size 0'),
    "dimensions overflow": (of(Tensor(sizes=(2**32, 2**32))), "whose size overflows"),
    "dimensions wrap to the right size": (of(Tensor(sizes=(2**62 + 1, 4))), "whose size overflows"),
    "dimensions with the sign bit": (of(Tensor(sizes=(2**63, 2))), "whose size overflows"),
    "bytes overflow": (of(Tensor(sizes=(2**62,))), "whose size overflows"),
    "tensor larger than the file": (of(Tensor(sizes=(2**40,))), f"takes {2**42} bytes at offset 0"),
    "tensor larger than the file by one element": (
        of(Tensor(sizes=(9,))),
        "takes 36 bytes at offset 0 of the tensors, which have 32",
    ),
    "tensor type withdrawn": (of(Tensor(kind=4)), "has the GGML type 4, which is unknown or withdrawn"),
    "tensor type unknown": (of(Tensor(kind=2**31)), "has the GGML type 2147483648"),
    "row ends in a block": (
        of(Tensor(sizes=(33,), kind=8, data=bytes(68))),
        "has rows of 33 elements; Q8_0 needs a multiple of its block size 32",
    ),
    "rows share a block": (of(Tensor(sizes=(16, 2), kind=8, data=bytes(34))), "has rows of 16 elements"),
    "scalar of a block type": (of(Tensor(sizes=(), kind=8, data=bytes(34))), "has rows of 1 elements"),
    "offset unaligned": (of(Tensor(offset=1)), "has the offset 1; expected a multiple of the alignment 32"),
    "offset at the end of the file": (
        of(Tensor(offset=32)),
        "takes 16 bytes at offset 32 of the tensors, which have 32",
    ),
    "offset wraps": (of(Tensor(offset=2**64 - 32)), f"takes 16 bytes at offset {2**64 - 32}"),
    "offset with the sign bit": (of(Tensor(offset=2**63)), f"at offset {2**63}"),
    "tensors at one place": (of(Tensor("a"), Tensor("b", offset=0)), "inside the tensor"),
    "tensors overlap": (
        of(Tensor("a", (16,), data=bytes(64)), Tensor("b", offset=32)),
        'the tensor "b" starts at byte 128, inside the tensor "a" (bytes 96 to 160)',
    ),
}


def one(dtype: str, shape: list[object], start: int, end: int, data: int = 16) -> bytes:
    return safetensors({"t": row(dtype, shape, start, end)}, bytes(data))


HOSTILE_SAFETENSORS = {
    "length huge": (safetensors("{}", length=HUGE), f"announces {HUGE} bytes; the format allows 100000000"),
    "length above the limit": (safetensors("{}", length=100_000_001), "the format allows 100000000"),
    "length beyond the file": (
        safetensors("{}", length=3),
        "the safetensors header at byte 8 takes 3 bytes, and the file has 2",
    ),
    "length 0": (safetensors("{}", length=0), "the safetensors header is not valid"),
    "length too short": (
        safetensors({"t": row("U8", [16], 0, 16)}, bytes(16), length=5),
        "the safetensors header is not valid",
    ),
    "not JSON": (safetensors("{]"), "the safetensors header is not valid"),
    "two objects": (safetensors("{}{}"), "trailing characters"),
    "not UTF-8": (safetensors(b'{"\xff": 1}'), "not UTF-8 at byte 10"),
    "lists nested deep": (safetensors('{"t":' + "[" * 100_000), 'the tensor "t"'),
    "objects nested deep": (safetensors('{"t":{"shape":' * 50_000), 'the tensor "t"'),
    "tensor twice": (
        safetensors(
            '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
            b"ab",
        ),
        'the tensor name "t" occurs twice',
    ),
    "tensor twice, once escaped": (
        safetensors(
            '{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0074":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
        ),
        'the tensor name "t" occurs twice',
    ),
    "metadata twice": (safetensors('{"__metadata__":{},"__metadata__":{}}'), "__metadata__ occurs twice"),
    "metadata key twice": (safetensors('{"__metadata__":{"k":"1","k":"2"}}'), 'the metadata key "k" occurs twice'),
    "metadata not text": (safetensors({"__metadata__": {"k": 1}}), "expected a string"),
    "field twice": (
        safetensors('{"t":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"a"),
        "duplicate field `dtype`",
    ),
    "field missing": (safetensors({"t": {"dtype": "U8", "shape": []}}), "missing field `data_offsets`"),
    "field unknown": (safetensors({"t": {**row("U8", [], 0, 1), "device": 0}}, b"a"), "unknown field `device`"),
    "dtype unknown": (one("F128", [1], 0, 16), 'the tensor "t": the dtype "F128" is unknown'),
    "dtype of GGUF": (one("Q8_0", [32], 0, 34, 34), 'the dtype "Q8_0" is unknown'),
    "dtype in lower case": (one("f32", [4], 0, 16), 'the dtype "f32" is unknown'),
    "dtype a number": (safetensors({"t": {**row("U8", [1], 0, 1), "dtype": 1}}, b"a"), "expected a string"),
    "dimension negative": (one("U8", [-1], 0, 16), 'the tensor "t": invalid value: integer `-1`'),
    "dimension a fraction": (one("U8", [1.5], 0, 16), "invalid type: floating point `1.5`"),
    "dimension too large": (one("U8", [2**64], 0, 16), "invalid"),
    "dimensions overflow": (one("U8", [2**32, 2**32], 0, 16), "whose size overflows"),
    "dimensions wrap to the right size": (one("U8", [2**63 + 8, 2], 0, 16), "whose size overflows"),
    "dimensions overflow behind a 0": (one("U8", [0, HUGE, HUGE], 0, 0, 0), "whose size overflows"),
    "bytes overflow": (one("F64", [2**61], 0, 16), "whose size overflows"),
    "too many dimensions": (one("U8", [1] * 65, 0, 1, 1), "a shape of more than 64 dimensions"),
    "shape a text": (safetensors({"t": {**row("U8", [1], 0, 1), "shape": "[1]"}}, b"a"), "expected a list of sizes"),
    "shape too small for its bytes": (
        one("F32", [3], 0, 16),
        "has 16 bytes in the file; its shape [3] and dtype F32 take 12",
    ),
    "shape too large for its bytes": (
        one("F32", [5], 0, 16),
        "has 16 bytes in the file; its shape [5] and dtype F32 take 20",
    ),
    "half a byte": (one("F4", [3], 0, 2, 2), "of type F4 has 3 elements; expected a multiple of its block size 2"),
    "offsets descend": (one("U8", [4], 12, 8), "has the data_offsets [12, 8]"),
    "offsets beyond the file": (one("U8", [17], 0, 17), "within the 16 bytes of data"),
    "offsets huge": (one("U8", [1], HUGE - 1, HUGE), f"has the data_offsets [{HUGE - 1}, {HUGE}]"),
    "offsets negative": (one("U8", [1], -1, 0), "invalid value: integer `-1`"),
    "offsets of three": (
        safetensors({"t": {**row("U8", [1], 0, 1), "data_offsets": [0, 1, 2]}}, b"a"),
        'the tensor "t"',
    ),
    "gap before": (one("U8", [12], 4, 16), 'before the tensor "t" belong to no tensor'),
    "gap between": (
        safetensors({"a": row("U8", [1], 0, 1), "b": row("U8", [1], 2, 3)}, b"abc"),
        'before the tensor "b" belong to no tensor',
    ),
    "gap after": (one("U8", [4], 0, 4), "safetensors has no gaps"),
    "data of no tensor": (safetensors({}, b"a"), "safetensors has no gaps"),
    "tensors overlap": (
        safetensors({"a": row("U8", [2], 0, 2), "b": row("U8", [2], 1, 3)}, b"abc"),
        'inside the tensor "a"',
    ),
    "tensors at one place": (
        safetensors({"a": row("U8", [1], 0, 1), "b": row("U8", [1], 0, 1)}, b"a"),
        "inside the tensor",
    ),
}

OTHER_FORMATS = {
    "empty": (b"", "the file is empty"),
    "zip": (b"PK\3\4" + bytes(60), "a zip archive, perhaps a PyTorch checkpoint"),
    "pickle": (b"\x80\2}q\0." + bytes(60), "a Python pickle"),
    "web page": (b"<!DOCTYPE html><html>", "a web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
    "byte-swapped GGUF": (b"FUGG" + bytes(60), "a big-endian GGUF file"),
    "noise": (bytes(range(100, 200)), 'neither "GGUF" nor a safetensors header'),
    "a single byte": (b"G", 'neither "GGUF" nor a safetensors header'),
}

ALL_HOSTILE = {
    **{f"gguf: {name}": case for name, case in HOSTILE_GGUF.items()},
    **{f"safetensors: {name}": case for name, case in HOSTILE_SAFETENSORS.items()},
    **{f"other: {name}": case for name, case in OTHER_FORMATS.items()},
}


@pytest.mark.parametrize(("content", "reason"), ALL_HOSTILE.values(), ids=ALL_HOSTILE)
def test_a_hostile_file_is_refused_and_the_text_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=re.escape(reason)) as caught:
        TensorFile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < len(str(path)) + 400


# What may be cut off: the padding after the last tensor.
REAL = {"gguf": (real_shaped_gguf(), 16), "safetensors": (real_shaped_safetensors(), 0)}


@pytest.mark.parametrize(("content", "padding"), REAL.values(), ids=REAL)
def test_a_file_truncated_at_any_byte_is_refused(tmp_path: Path, content: bytes, padding: int) -> None:
    path = tmp_path / "model"
    for length in range(len(content) - padding):
        path.write_bytes(content[:length])
        with pytest.raises(FormatError, match=r"truncated|empty|neither|not valid|offsets|bytes"):
            TensorFile(path)
    path.write_bytes(content[: len(content) - padding])
    assert TensorFile(path).tensors()


@pytest.mark.parametrize(("content", "padding"), REAL.values(), ids=REAL)
def test_a_file_with_any_byte_changed_is_refused_or_read_within_its_bounds(
    tmp_path: Path, content: bytes, padding: int
) -> None:
    path, refused = tmp_path / "model", 0
    for place in range(len(content) - padding):
        for value in {0x00, 0x01, 0x7F, 0x80, 0xFF} - {content[place]}:
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                file = TensorFile(path)
            except FormatError:
                refused += 1
                continue
            assert sum(len(file.read(name)) for name in file.tensors()) <= len(content)
            file.metadata()
    assert refused > len(content) // 2


_OPEN_ALL = """
import resource, sys
from pathlib import Path
from litz._core import TensorFile
from litz.errors import FormatError
limit = int(sys.argv[2]) + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        TensorFile(path)
    except FormatError:
        print("refused", path.name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_refusing_takes_no_more_memory_than_the_files_themselves(tmp_path: Path) -> None:
    for number, (content, _) in enumerate(ALL_HOSTILE.values()):
        (tmp_path / str(number)).write_bytes(content)
    largest = max(len(content) for content, _ in ALL_HOSTILE.values())
    command = [sys.executable, "-c", _OPEN_ALL, str(tmp_path), str(4 * largest + (32 << 20))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(ALL_HOSTILE)


def test_more_tensors_than_any_model_has_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(Gguf(tensor_count=(1 << 20) + 1).build())
    os.truncate(path, 32 << 20)
    with pytest.raises(FormatError, match="announces 1048577 tensors; litz reads at most 1048576"):
        TensorFile(path)
    path.write_bytes(Gguf(entry_count=(1 << 16) + 1).build())
    os.truncate(path, 1 << 20)
    with pytest.raises(FormatError, match="announces 65537 metadata keys; litz reads at most 65536"):
        TensorFile(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=f"^{re.escape(str(tmp_path))}: .*directory"):
        TensorFile(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "absent.gguf", dangling):
        with pytest.raises(FileAccessError, match=f"^{re.escape(str(path))}: .*No such file"):
            TensorFile(path)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "private.gguf"
    path.write_bytes(real_shaped_gguf())
    path.chmod(0)
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(65_534)
    try:
        with pytest.raises(FileAccessError, match=f"^{re.escape(str(path))}: .*denied"):
            TensorFile(path)
    finally:
        if superuser:
            os.seteuid(0)


def test_a_pipe_or_a_device_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(FileAccessError, match=f"^{re.escape(str(path))}: .*not a regular file"):
            TensorFile(path)
