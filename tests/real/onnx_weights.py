"""The weights of an ONNX file as PyTorch's names and shapes: matrices in blocks of 4 bits, embeddings in bytes."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_DTYPES = {1: "<f4", 2: "u1"}
_BLOCK, _ZERO = 32, 8  # MatMulNBits: 32 numbers share a scale, and without zero points 8 stands for 0


def read(path: Path) -> dict[str, np.ndarray]:
    """Every weight as float32; a matrix is named after its MatMulNBits node, as `….query.weight`."""
    graph = _one(path.read_bytes(), 7)
    tensors = dict(map(_tensor, _all(graph, 5)))
    made = {name: value for name, value in tensors.items() if name.endswith((".weight", ".bias"))}
    for node in _all(graph, 1):
        inputs = [name.decode() for name in _all(node, 1)]
        if _one(node, 4) == b"MatMulNBits":
            module = _one(node, 3).decode().removeprefix("/").removesuffix("/MatMul_Q4").replace("/", ".")
            made[f"{module}.weight"] = _unpacked(tensors[inputs[1]], tensors[inputs[2]])
    for name in [name for name in tensors if name.endswith("_quantized")]:
        whole = name.removesuffix("_quantized")
        centred = tensors[name].astype(np.float32) - tensors[f"{whole}_zero_point"].astype(np.float32)
        made[whole] = centred * tensors[f"{whole}_scale"]
    return made


def _unpacked(packed: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(outputs, blocks, 16) bytes of two numbers, the lower half first, as (outputs, inputs)."""
    numbers = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:2], _BLOCK)
    made = (numbers.astype(np.float32) - _ZERO) * scales.reshape(*packed.shape[:2], 1)
    return made.reshape(packed.shape[0], -1)


def _tensor(data: bytes) -> tuple[str, np.ndarray]:
    fields = list(_fields(data))
    dims = [value for number, value in fields if number == 1]
    kind = next(value for number, value in fields if number == 2)
    name = next(value for number, value in fields if number == 8).decode()
    found = dict(fields)
    if found.get(9):
        values = np.frombuffer(found[9], _DTYPES.get(kind, "u1"))
    elif 4 in found:
        values = np.frombuffer(found[4], "<f4") if isinstance(found[4], bytes) else np.array([found[4]], np.float32)
    else:
        packed = found.get(5, b"")
        values = np.array(list(_varints(packed)) if isinstance(packed, bytes) else [packed])
    return name, values.reshape(dims) if values.size == np.prod(dims, dtype=int) else values


def _one(data: bytes, wanted: int) -> bytes:
    return next(_all(data, wanted))


def _all(data: bytes, wanted: int) -> Iterator[bytes]:
    return (value for number, value in _fields(data) if number == wanted)


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: (number, an integer, a float or bytes)."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size
        else:
            size = {1: 8, 5: 4}[wire]
            yield number, struct.unpack_from("<f" if wire == 5 else "<d", data, at)[0]
            at += size


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
