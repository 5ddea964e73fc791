"""Reading GGUF and safetensors: what the files hold, and F32 that equals each format's reference in every bit."""

import json
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import safetensors as reference_safetensors
import torch
from gguf import GGMLQuantizationType as Ggml

from litz._core import TensorFile
from litz.errors import ArgumentError, FormatError, UnsupportedError
from tests.assets import asset
from tests.builders import (
    ARRAY,
    BOOL,
    F32,
    I64,
    TEXT,
    U8,
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

# Where each quantised type keeps its half-precision scales, in bytes from the start of a block.
SCALES = {
    Ggml.Q4_0: (0,),
    Ggml.Q4_1: (0, 2),
    Ggml.Q5_0: (0,),
    Ggml.Q5_1: (0, 2),
    Ggml.Q8_0: (0,),
    Ggml.Q2_K: (80, 82),
    Ggml.Q3_K: (108,),
    Ggml.Q4_K: (0, 2),
    Ggml.Q5_K: (0, 2),
    Ggml.Q6_K: (208,),
    Ggml.IQ4_NL: (0,),
    Ggml.IQ4_XS: (0,),
    Ggml.MXFP4: (),
}
ODD_HALVES = np.array(
    [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFE00],
    dtype="<u2",
)

Opener = Callable[[bytes], TensorFile]


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    def open_bytes(content: bytes) -> TensorFile:
        path = tmp_path / "a file whose name says nothing"
        path.write_bytes(content)
        return TensorFile(path)

    return open_bytes


def assert_same_bits(got: bytes, want: np.ndarray) -> None:
    ours, theirs = np.frombuffer(got, "<f4"), np.ascontiguousarray(want, "<f4").ravel()
    numbers = ~np.isnan(theirs)
    np.testing.assert_array_equal(np.isnan(ours), ~numbers)
    np.testing.assert_array_equal(ours.view("<u4")[numbers], theirs.view("<u4")[numbers])


def quantised(opened: Opener, blocks: np.ndarray, kind: Ggml) -> bytes:
    elements = blocks.shape[0] * gguf.GGML_QUANT_SIZES[kind][0]
    return opened(Gguf(tensors=[Tensor("t", (elements,), kind, blocks.tobytes())]).build()).read_f32("t")


@pytest.mark.parametrize("kind", SCALES, ids=lambda kind: kind.name)
def test_random_blocks_dequantise_as_the_reference_does(opened: Opener, kind: Ggml) -> None:
    blocks = np.random.default_rng(kind).integers(0, 256, (300, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    with np.errstate(all="ignore"):
        want = gguf.dequantize(blocks, kind)
    assert_same_bits(quantised(opened, blocks, kind), want)


@pytest.mark.parametrize("kind", [kind for kind, scales in SCALES.items() if scales], ids=lambda kind: kind.name)
def test_odd_scales_dequantise_as_the_reference_does(opened: Opener, kind: Ggml) -> None:
    pairs = [(a, b) for a in ODD_HALVES for b in ODD_HALVES]
    blocks = np.random.default_rng(1).integers(0, 256, (len(pairs), gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    for which, at in enumerate(SCALES[kind]):
        blocks[:, at : at + 2] = np.array([pair[which] for pair in pairs], "<u2").view(np.uint8).reshape(-1, 2)
    with np.errstate(all="ignore"):
        want = gguf.dequantize(blocks, kind)
    assert_same_bits(quantised(opened, blocks, kind), want)


@pytest.mark.parametrize("kind", [Ggml.F16, Ggml.BF16], ids=lambda kind: kind.name)
def test_every_16_bit_float_is_exact(opened: Opener, kind: Ggml) -> None:
    codes = np.arange(1 << 16, dtype="<u2")
    want = gguf.dequantize(codes if kind is Ggml.F16 else codes.view(np.uint8), kind)
    assert_same_bits(opened(Gguf(tensors=[Tensor("t", (1 << 16,), kind, codes.tobytes())]).build()).read_f32("t"), want)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("F8_E4M3", torch.float8_e4m3fn),
        ("F8_E5M2", torch.float8_e5m2),
        ("F8_E4M3FNUZ", torch.float8_e4m3fnuz),
        ("F8_E5M2FNUZ", torch.float8_e5m2fnuz),
        ("F8_E8M0", torch.float8_e8m0fnu),
    ],
)
def test_every_8_bit_float_is_exact(opened: Opener, name: str, dtype: torch.dtype) -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    file = opened(safetensors({"t": row(name, [256], 0, 256)}, codes.numpy().tobytes()))
    assert_same_bits(file.read_f32("t"), codes.view(dtype).float().numpy())


def test_doubles_round_to_the_nearest_float(opened: Opener) -> None:
    doubles = np.array([0.1, -1 / 3, 1 + 2**-24, 1 + 3 * 2**-24, 1e-46, 1e300, np.inf, np.nan, 2**-149 * 1.5], "<f8")
    with np.errstate(over="ignore"):
        want = doubles.astype("<f4")
    file = opened(safetensors({"t": row("F64", [9], 0, 72)}, doubles.tobytes()))
    assert_same_bits(file.read_f32("t"), want)


def test_tensors_longer_than_the_conversion_buffer_are_whole(opened: Opener) -> None:
    blocks = np.random.default_rng(2).integers(0, 64, (2000, 34), dtype=np.uint8)
    assert_same_bits(quantised(opened, blocks, Ggml.Q8_0), gguf.dequantize(blocks, Ggml.Q8_0))


def test_integers_and_unimplemented_types_are_read_raw_only(opened: Opener) -> None:
    file = opened(safetensors({"t": row("I32", [1], 0, 4)}, b"\1\0\0\0"))
    assert file.read("t") == b"\1\0\0\0"
    with pytest.raises(UnsupportedError, match="I32"):
        file.read_f32("t")


def test_a_gguf_file_lists_what_it_holds(opened: Opener) -> None:
    file = opened(real_shaped_gguf())
    assert file.format == "gguf"
    assert file.size == len(real_shaped_gguf())
    assert file.tensors() == {
        "norm.weight": ("F32", (4,), 16),
        "embed.weight": ("Q8_0", (2, 32), 68),
        "cube": ("F16", (4, 3, 2), 48),
    }
    assert file.read("embed.weight") == bytes(range(68))
    assert np.frombuffer(file.read_f32("norm.weight"), "<f4").tolist() == [1, -2, 0.5, float("inf")]


def test_metadata_has_every_type_in_the_files_order(opened: Opener) -> None:
    values = opened(real_shaped_gguf()).metadata()
    assert list(values)[:3] == ["general.architecture", "general.alignment", "value.0"]
    assert values["general.architecture"] == "llama"
    assert values["value.1"] == -7
    assert values["value.7"] is True
    assert values["value.10"] == 2**63
    assert values["value.11"] == -(2**63)
    assert values["value.12"] == 0.1
    assert values["array.6"] == [0.5, 0.5]
    assert values["tokenizer.ggml.tokens"] == ["a", "é", b"\xff", ""]


def test_metadata_agrees_with_the_reference_reader(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(Gguf([entry("a", TEXT, text("é")), entry("b", ARRAY, array(F32, [0.1, 2]))], [Tensor()]).build())
    fields = gguf.GGUFReader(path).fields
    expected = {key: field.contents() for key, field in fields.items() if not key.startswith("GGUF.")}
    assert TensorFile(path).metadata() == expected


def test_long_and_nested_arrays_are_read_only_when_asked_for(opened: Opener) -> None:
    short, long = array(I64, range(4096)), array(I64, range(4097))
    nested = u32(ARRAY) + u64(1) + array(BOOL, [1, 0])
    file = opened(Gguf([entry("s", ARRAY, short), entry("l", ARRAY, long), entry("n", ARRAY, nested)]).build())
    assert file.metadata() == {"s": list(range(4096))}
    assert file.long_arrays() == {"l": 4097, "n": 1}
    assert file.metadata_array("l") == list(range(4097))
    assert file.metadata_array("n") == [[True, False]]
    assert file.metadata_array("absent") is None


def test_an_array_asked_of_a_scalar_is_an_error(opened: Opener) -> None:
    file = opened(Gguf([entry("k", U8, scalar(U8, 3))]).build())
    with pytest.raises(FormatError, match=r'"k" is the integer 3; expected an array'):
        file.metadata_array("k")


def test_version_2_and_other_alignments_are_read(opened: Opener) -> None:
    tensors = [Tensor("a", (1,), 0, b"\0\0\x80?"), Tensor("b", (1,), 0, b"\0\0\0@")]
    alignment = entry("general.alignment", 4, scalar(4, 8))
    file = opened(Gguf([alignment], tensors, alignment=8, version=2).build())
    assert np.frombuffer(file.read_f32("a") + file.read_f32("b"), "<f4").tolist() == [1, 2]


def test_a_file_of_metadata_alone_is_a_gguf_file(opened: Opener) -> None:
    file = opened(Gguf([entry("k", U64, scalar(U64, 1))]).build())
    assert (file.metadata(), file.tensors()) == ({"k": 1}, {})


@pytest.mark.parametrize("before", [b"", b" ", b"\n", b"\r\n\t ", b" " * 64])
@pytest.mark.parametrize("after", [b"", b" ", b"\n  "])
def test_a_safetensors_header_may_have_white_space_around_it(opened: Opener, before: bytes, after: bytes) -> None:
    header = before + json.dumps({"t": row("F32", [1], 0, 4)}).encode() + after
    file = opened(len(header).to_bytes(8, "little") + header + b"\0\0\x80\x3f")
    assert file.format == "safetensors"
    assert file.tensors() == {"t": ("F32", (1,), 4)}
    assert file.read("t") == b"\0\0\x80\x3f"


@pytest.mark.parametrize("header", [b"   ", b" [1]", b'\xa0{"t": 1}', b"\x0b{}", b"\0{}"])
def test_what_is_no_header_behind_white_space_is_refused(opened: Opener, header: bytes) -> None:
    with pytest.raises(FormatError):
        opened(len(header).to_bytes(8, "little") + header)


def test_a_safetensors_file_agrees_with_the_reference_reader(opened: Opener) -> None:
    content = real_shaped_safetensors()
    file = opened(content)
    assert file.format == "safetensors"
    expected = dict(reference_safetensors.deserialize(content))
    assert {name: (dtype, list(shape)) for name, (dtype, shape, _) in file.tensors().items()} == {
        name: (info["dtype"], info["shape"]) for name, info in expected.items()
    }
    for name, info in expected.items():
        assert file.read(name) == bytes(info["data"])


def test_safetensors_metadata_is_text(opened: Opener) -> None:
    assert opened(real_shaped_safetensors()).metadata() == {"format": "pt", "escaped": 'a "quoted"\nword'}
    assert opened(safetensors({"__metadata__": None})).metadata() == {}


@pytest.mark.parametrize(
    ("dtype", "shape", "nbytes"),
    [
        *[
            (name, [3], 3)
            for name in ("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0")
        ],
        *[(name, [3], 6) for name in ("U16", "I16", "F16", "BF16")],
        *[(name, [3], 12) for name in ("U32", "I32", "F32")],
        *[(name, [3], 24) for name in ("U64", "I64", "F64", "C64")],
        ("F4", [3, 2], 3),
        ("F6_E2M3", [2, 2], 3),
        ("F6_E3M2", [4, 3], 9),
    ],
)
def test_every_dtype_of_safetensors_has_its_size(opened: Opener, dtype: str, shape: list[int], nbytes: int) -> None:
    content = safetensors({"t": row(dtype, shape, 0, nbytes)}, bytes(range(nbytes)))
    assert dict(reference_safetensors.deserialize(content))["t"]["dtype"] == dtype
    file = opened(content)
    assert file.tensors() == {"t": (dtype, tuple(shape), nbytes)}
    assert file.read("t") == bytes(range(nbytes))


def test_a_header_may_be_padded_with_spaces(opened: Opener) -> None:
    padded = json.dumps({"t": row("U8", [1], 0, 1)}) + " " * 17
    assert opened(safetensors(padded, b"\5")).read("t") == b"\5"


def test_an_unknown_tensor_is_an_error_that_names_it(opened: Opener) -> None:
    file = opened(real_shaped_gguf())
    for read in (file.read, file.read_f32):
        with pytest.raises(ArgumentError, match='"missing" among the 3'):
            read("missing")


def test_a_file_can_be_replaced_while_it_is_open(tmp_path: Path) -> None:
    path, other = tmp_path / "model", tmp_path / "other"
    path.write_bytes(safetensors({"t": row("U8", [2], 0, 2)}, b"ab"))
    file = TensorFile(path)
    other.write_bytes(b"something else")
    other.replace(path)
    assert file.read("t") == b"ab"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smollm2", "gemma3-270m"])
def test_a_real_model_equals_the_reference_in_every_bit(name: str) -> None:
    file, reference = TensorFile(asset(name)), gguf.GGUFReader(asset(name))
    listed = {
        tensor.name: (tensor.tensor_type.name, tuple(map(int, reversed(tensor.shape))), tensor.n_bytes)
        for tensor in reference.tensors
    }
    assert file.tensors() == listed
    for tensor in reference.tensors:
        assert_same_bits(file.read_f32(tensor.name), gguf.dequantize(tensor.data, tensor.tensor_type))
    short = file.metadata()
    for key, field in reference.fields.items():
        if not key.startswith("GGUF."):
            assert (short[key] if key in short else file.metadata_array(key)) == field.contents()


@pytest.mark.slow
def test_every_real_vocabulary_is_read_in_full() -> None:
    files = sorted(asset("llama-models").glob("ggml-vocab-*.gguf"))
    assert len(files) > 15
    for path in files:
        file = TensorFile(path)
        tokens = file.metadata_array("tokenizer.ggml.tokens")
        assert tokens is not None
        assert all(isinstance(token, str) for token in tokens)
        assert tokens.index(tokens[-1]) == len(tokens) - 1 == len(file.metadata_array("tokenizer.ggml.token_type")) - 1
