"""Tiny GGUF and safetensors files, right or deliberately wrong: every field can be overridden by what a test needs."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, ARRAY, U64, I64, F64 = range(13)
_PACKED = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}
GGML_F32 = 0
GGML_Q8_0 = 8


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def text(value: str | bytes, *, length: int | None = None) -> bytes:
    encoded = value.encode() if isinstance(value, str) else value
    return u64(len(encoded) if length is None else length) + encoded


def scalar(kind: int, value: float | str | bytes) -> bytes:
    return text(value) if isinstance(value, str | bytes) else struct.pack("<" + _PACKED[kind], value)


def array(kind: int, items: Sequence[float | str | bytes], *, count: int | None = None) -> bytes:
    body = b"".join(scalar(kind, item) for item in items)
    return u32(kind) + u64(len(items) if count is None else count) + body


def entry(key: str | bytes, kind: int, payload: bytes) -> bytes:
    return text(key) + u32(kind) + payload


@dataclass(frozen=True)
class Tensor:
    """One tensor of a GGUF file; sizes are innermost first, as the format has them."""

    name: str | bytes = "t"
    sizes: Sequence[int] = (4,)
    kind: int = GGML_F32
    data: bytes = bytes(16)
    offset: int | None = None
    rank: int | None = None


@dataclass(frozen=True)
class Gguf:
    """The parts of a GGUF file; `build` joins them, with the counts that they have unless overridden."""

    entries: Sequence[bytes] = ()
    tensors: Sequence[Tensor] = ()
    alignment: int = 32
    version: int = 3
    magic: bytes = b"GGUF"
    tensor_count: int | None = None
    entry_count: int | None = None
    tail: bytes = field(default=b"")

    def build(self) -> bytes:
        tensor_count = len(self.tensors) if self.tensor_count is None else self.tensor_count
        entry_count = len(self.entries) if self.entry_count is None else self.entry_count
        out = self.magic + u32(self.version) + u64(tensor_count) + u64(entry_count) + b"".join(self.entries)
        data = b""
        for tensor in self.tensors:
            offset = len(data) if tensor.offset is None else tensor.offset
            rank = len(tensor.sizes) if tensor.rank is None else tensor.rank
            out += text(tensor.name) + u32(rank) + b"".join(map(u64, tensor.sizes)) + u32(tensor.kind) + u64(offset)
            data = padded(data + tensor.data, self.alignment)
        return padded(out, self.alignment) + data + self.tail


def padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % max(alignment, 1))


def real_shaped_gguf() -> bytes:
    """Every value type, a nested array, and tensors of three types."""
    values = {
        U8: 7,
        I8: -7,
        U16: 700,
        I16: -700,
        U32: 70_000,
        I32: -70_000,
        F32: 0.5,
        BOOL: 1,
        U64: 2**63,
        I64: -(2**63),
    }
    entries = [entry("general.architecture", TEXT, text("llama")), entry("general.alignment", U32, u32(32))]
    entries += [entry(f"value.{kind}", kind, scalar(kind, value)) for kind, value in {**values, F64: 0.1}.items()]
    entries += [entry(f"array.{kind}", ARRAY, array(kind, [value, value])) for kind, value in values.items()]
    entries += [
        entry("tokenizer.ggml.tokens", ARRAY, array(TEXT, ["a", "é", b"\xff", ""])),
        entry("nested", ARRAY, u32(ARRAY) + u64(2) + array(U8, [1, 2]) + array(TEXT, ["x"])),
    ]
    tensors = [
        Tensor("norm.weight", (4,), GGML_F32, struct.pack("<4f", 1, -2, 0.5, float("inf"))),
        Tensor("embed.weight", (32, 2), GGML_Q8_0, bytes(range(68))),
        Tensor("cube", (2, 3, 4), 1, bytes(range(48))),
    ]
    return Gguf(entries, tensors).build()


def safetensors(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    """`header` is JSON as an object, a string or bytes; `length` overrides its true length."""
    if not isinstance(header, str | bytes):
        header = json.dumps(header)
    encoded = header.encode() if isinstance(header, str) else header
    return u64(len(encoded) if length is None else length) + encoded + data


def row(dtype: str, shape: Sequence[object], start: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def real_shaped_safetensors() -> bytes:
    header = {
        "__metadata__": {"format": "pt", "escaped": 'a "quoted"\nword'},
        "b": row("F32", [2, 2], 4, 20),
        "a": row("BF16", [2], 0, 4),
        "empty": row("I64", [0, 3], 20, 20),
        "scalar": row("U8", [], 20, 21),
    }
    return safetensors(header, bytes(range(21)))
