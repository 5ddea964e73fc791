"""The two layouts of torch.save: a ZIP archive (since PyTorch 1.6), and pickles followed by the storages."""

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from litz.errors import FormatError, UnsupportedError
from litz.pickles.machine import load
from litz.pickles.tensors import WIDTHS, Storage, Tensor, described

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_LOCAL_HEADER = 30


@dataclass(frozen=True)
class Archive:
    """The tensors of a file by name, and where in it each storage begins."""

    tensors: Mapping[str, Tensor]
    places: Mapping[str, int]  # key of a storage -> its first byte


def open_archive(path: Path) -> Archive:
    """Reads what the file says of its tensors, and checks that it holds them; no tensor is read.

    Raises FormatError for what is none of the two layouts, UnsupportedError for what holds more than tensors.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            zipped = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            return _zipped(file, size) if zipped else _plain(file, size)
        except (FormatError, UnsupportedError) as error:
            raise type(error)(f"{path}: {error}") from error


def _zipped(file: BinaryIO, size: int) -> Archive:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {info.filename: info for info in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, struct.error) as error:
        raise FormatError(f"it is no whole ZIP archive: {error}") from error
    pickles = [name for name in entries if name.partition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise FormatError("it is a ZIP archive without one data.pkl, so none of torch.save")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in entries:
        file.seek(_start_of(file, entries[f"{folder}byteorder"], size))
        if file.read(3) == b"big":
            raise UnsupportedError("its numbers are big-endian; save the weights as safetensors")
    file.seek(_start_of(file, entries[pickles[0]], size))
    tensors = _tensors(load(file))
    places = dict[str, int]()
    for storage in _storages(tensors):
        entry = entries.get(f"{folder}data/{storage.key}")
        if entry is None:
            raise FormatError(f"it lacks the storage {storage.key!r}: the file is not whole")
        start, needed = _start_of(file, entry, size), storage.count * WIDTHS[storage.dtype]
        if entry.file_size != needed or start + needed > size:
            raise FormatError(f"storage {storage.key!r} has {entry.file_size} bytes, expected {needed}")
        places[storage.key] = start
    return Archive(tensors, places)


def _start_of(file: BinaryIO, entry: zipfile.ZipInfo, size: int) -> int:
    """Where the bytes of an entry begin; they must be stored as they are."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise UnsupportedError(f"{entry.filename!r} in it is compressed or encrypted; torch.save does neither")
    file.seek(entry.header_offset if 0 <= entry.header_offset < size else size)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise FormatError(f"{entry.filename!r} is not where the archive says it is: the file is not whole")
    name, extra = struct.unpack_from("<HH", header, 26)
    return file.tell() + int(name) + int(extra)


def _plain(file: BinaryIO, size: int) -> Archive:
    if load(file) != _MAGIC or load(file) != _PROTOCOL:
        raise FormatError("it is neither a ZIP archive nor pickles of torch.save")
    system = load(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise UnsupportedError("its numbers are big-endian; save the weights as safetensors")
    tensors = _tensors(load(file))
    needed = {storage.key: storage for storage in _storages(tensors)}
    keys = load(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise FormatError(f"its storages are listed by {described(keys)}, expected names")
    if missing := sorted(set(needed) - set(keys)):
        raise FormatError(f"it lacks the storage {missing[0]!r}: the file is not whole")
    places = dict[str, int]()
    for key in keys:
        head = file.read(8)
        if key not in needed or len(head) < 8:  # the width of a storage that no tensor reads is not known
            raise FormatError(f"storage {key!r} is not there, or no tensor reads it")
        count, width = struct.unpack("<q", head)[0], WIDTHS[needed[key].dtype]
        if count != needed[key].count or file.tell() + count * width > size:
            raise FormatError(f"storage {key!r} has {count} elements, expected {needed[key].count}, all in the file")
        places[key] = file.tell()
        file.seek(count * width, 1)
    return Archive(tensors, places)


def _tensors(value: Any) -> dict[str, Tensor]:
    """The tensors of a state dict; anything else in it is refused by name."""
    if not isinstance(value, dict) or not value:
        raise FormatError(f"it holds {described(value)}, expected a dictionary of tensors, as state_dict() gives it")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise FormatError(f"it holds {described(tensor)} under {described(name)}, expected tensors alone")
    return value


def _storages(tensors: Mapping[str, Tensor]) -> list[Storage]:
    """Each storage once; FormatError where two tensors say different things of one."""
    found = dict[str, Storage]()
    for tensor in tensors.values():
        if found.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise FormatError(f"storage {tensor.storage.key!r} is said to have two types or two sizes")
    return list(found.values())
