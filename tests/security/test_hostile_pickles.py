"""Pickled weights that want to run code, to take memory, or are not whole: each is refused, and nothing of it runs."""

import builtins
import contextlib
import io
import pickle
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litz.errors import FormatError, LitzError, UnsupportedError
from litz.pickles.archive import open_archive
from litz.pickles.conversion import as_safetensors
from litz.pickles.machine import load

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setenv("LITZ_HOME", str(tmp_path / "home"))


def tensor(*, count=6, start=0, shape=(2, 3), strides=(3, 1)):
    """The operations that make a tensor of a storage of floats called "0"."""
    numbers = [b"J" + struct.pack("<i", number) for number in (count, start)]
    tuples = [b"(" + b"".join(b"J" + struct.pack("<i", n) for n in each) + b"t" for each in (shape, strides)]
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + numbers[0] + b"tQ" + numbers[1] + b"".join(tuples) + b"\x89"
        b"ccollections\nOrderedDict\n)RtR"
    )


def state(value, name=b"w"):
    """A pickle of a dictionary that holds the value of these operations."""
    return b"\x80\x02}X" + struct.pack("<I", len(name)) + name + value + b"s."


def zipped(path, data, *, storage=b"\0" * 24, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/data/0", storage)
    return path


def plain(path, data, *, storage=b"\0" * 24, count=6, keys=("0",)):
    head = [MAGIC, PROTOCOL, {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}]
    parts = [pickle.dumps(value, protocol=2) for value in head]
    path.write_bytes(b"".join([*parts, data, pickle.dumps(list(keys), 2), struct.pack("<q", count), storage]))
    return path


LAYOUTS = pytest.mark.parametrize("layout", [zipped, plain])


class Runs:
    """What a pickle of it would call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@LAYOUTS
def test_the_files_of_these_tests_are_whole(layout, tmp_path):
    archive = open_archive(layout(tmp_path / "pytorch_model.bin", state(tensor())))
    assert archive.tensors["w"].shape == (2, 3)


@LAYOUTS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "named"),
    [(exec, "builtins.exec"), (eval, "builtins.eval"), (builtins.__import__, "builtins.__import__"), (open, "io.open")],
)
def test_what_would_be_called_is_named_and_is_not_called(layout, protocol, function, named, tmp_path):
    mark = tmp_path / "mark"
    arguments = (str(mark), "w") if function is open else (f"open({str(mark)!r}, 'w')",)
    data = pickle.dumps({"w": Runs(function, *arguments)}, protocol=protocol)
    with pytest.raises(UnsupportedError, match=r"pytorch_model\.bin: it names '(__builtin__|\w+)\.\w+', which weights"):
        open_archive(layout(tmp_path / "pytorch_model.bin", data))
    assert not mark.exists(), named


@pytest.mark.parametrize(
    ("operations", "error"),
    [
        (b"ctorch.storage\n_load_from_bytes\n", "torch.storage._load_from_bytes"),
        (b"ctorch\nload\n", "torch.load"),
        (b"cos\nsystem\nX\x02\x00\x00\x00id\x85R", "os.system"),
        (b"(X\x02\x00\x00\x00idios\nsystem\n", "INST"),
        (b"ccollections\nOrderedDict\n)\x81", "NEWOBJ"),
        (b"\x82\x01", "EXT1"),
        (b"Pstorage\n", "PERSID"),
        (b"\x97", "NEXT_BUFFER"),
        (b"\x8f", "EMPTY_SET"),
    ],
)
def test_other_names_and_operations_are_refused_by_name(operations, error):
    with pytest.raises(UnsupportedError, match=error.replace(".", r"\.")):
        load(io.BytesIO(b"\x80\x02" + operations + b"."))


@pytest.mark.parametrize(
    "operations",
    [
        b"ccollections\nOrderedDict\n}X\x01\x00\x00\x00ax\x88sb",  # attributes of something that is no dictionary
        b"ctorch\nFloatStorage\n)R",
        b"X\x01\x00\x00\x00a)R",
        b"(a",
        b"]]s",
        b"}]]s",  # a list is no name
        b"(]u",
        b"t",
        b"h\x07",
        b"R",
        b"",
    ],
)
def test_what_makes_no_sense_is_no_pickle_of_weights(operations):
    with pytest.raises(FormatError):
        load(io.BytesIO(b"\x80\x02" + operations + b"."))


@LAYOUTS
@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (2, 4)},
        {"start": 1},
        {"strides": (3, -1)},
        {"start": -1},
        {"shape": (-2, 3)},
        {"shape": (2, 3, 1)},
        {"count": 7},
        {"count": -6},
        {"shape": (1,) * 9, "strides": (1,) * 9},
        {"shape": (2**31 - 1, 2**31 - 1), "strides": (2**31 - 1, 1)},
    ],
)
def test_a_tensor_beyond_its_storage_and_a_storage_beyond_its_file_are_refused(layout, wrong, tmp_path):
    with pytest.raises(FormatError, match=r"pytorch_model\.bin: "):
        as_safetensors(layout(tmp_path / "pytorch_model.bin", state(tensor(**wrong))))
    assert not list(tmp_path.glob("home/converted/*"))


@LAYOUTS
def test_views_that_would_take_more_than_the_file_are_refused(layout, tmp_path):
    with pytest.raises(FormatError, match="would take 4294967296 bytes, in a file of"):
        as_safetensors(layout(tmp_path / "m.bin", state(tensor(shape=(1 << 30, 1), strides=(0, 1)))))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a",
        b"\x80\x02X" + struct.pack("<I", 2**31),
        b"\x80\x02]r" + struct.pack("<I", 2**31 - 1) + b"R",
        b"\x80\x02" + b"]" * (1 << 22),
        b"\x80\x02]" + b"(hh\x01eq\x01" * 40 + b".",
    ],
)
def test_a_small_pickle_takes_little_memory(data):
    tracemalloc.start()
    try:
        with pytest.raises(LitzError):
            load(io.BytesIO(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 << 20


def test_a_value_that_holds_itself_many_times_over_is_refused_at_once():
    doubled = b"]q\x00" + b"".join(b"](h" + bytes([n]) + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(99))
    with pytest.raises(FormatError, match="it calls a list"):
        load(io.BytesIO(b"\x80\x02" + doubled + b")R."))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_entries_are_refused(compression, tmp_path):
    with pytest.raises(UnsupportedError, match="is compressed"):
        open_archive(zipped(tmp_path / "m.bin", state(tensor()), compression=compression))


def test_a_dictionary_of_something_else_is_refused(tmp_path):
    for value in (b"J\x01\x00\x00\x00", b"X\x01\x00\x00\x00a", b"}", b"N"):
        with pytest.raises(FormatError, match="under 'w', expected tensors alone"):
            open_archive(zipped(tmp_path / "m.bin", state(value)))
    with pytest.raises(FormatError, match="expected a dictionary of tensors"):
        open_archive(zipped(tmp_path / "m.bin", b"\x80\x02]."))


def test_big_endian_numbers_are_refused(tmp_path):
    with zipfile.ZipFile(zipped(tmp_path / "m.bin", state(tensor())), "a") as archive:
        archive.writestr("archive/byteorder", "big")
    with pytest.raises(UnsupportedError, match="big-endian"):
        open_archive(tmp_path / "m.bin")


@LAYOUTS
def test_every_shorter_file_is_refused(layout, tmp_path):
    whole = layout(tmp_path / "whole.bin", state(tensor())).read_bytes()
    path = tmp_path / "cut.bin"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(LitzError):
            open_archive(path)


@LAYOUTS
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(tmp_path_factory, layout, place, byte):
    folder = tmp_path_factory.mktemp("changed", numbered=True)
    data = bytearray(layout(folder / "m.bin", state(tensor())).read_bytes())
    data[place % len(data)] = byte
    (folder / "m.bin").write_bytes(data)
    with contextlib.suppress(LitzError):
        as_safetensors(folder / "m.bin")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_named_error(data):
    with contextlib.suppress(LitzError):
        load(io.BytesIO(data))
