"""A pickle of weights as a safetensors file of the same numbers, made once and kept."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from litz import arrays, log
from litz.atomic_files import AtomicFile
from litz.errors import FileAccessError, FormatError
from litz.hub.locations import litz_home
from litz.pickles.archive import Archive, open_archive
from litz.pickles.tensors import WIDTHS, Tensor

_CHUNK = 1 << 24


def as_safetensors(path: Path) -> Path:
    """The safetensors file that holds the tensors of `path`: litz_home()/converted, written when it is first asked for.

    Its name follows from the path, the size and the time of change of the pickle, so a changed file is read anew.
    Raises FormatError, UnsupportedError or FileAccessError; nothing of the file is executed.
    """
    real = os.path.realpath(path)
    stat = os.stat(real)
    named = hashlib.sha256(f"{real}\0{stat.st_size}\0{stat.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    target = litz_home() / "converted" / f"{named.hexdigest()[:32]}.safetensors"
    if not target.is_file():
        archive = open_archive(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, AtomicFile(target) as out:
                for piece in _safetensors(archive, source, limit=stat.st_size):
                    out.write(piece)
        except OSError as error:
            raise FileAccessError(f"cannot write {target}, a copy of {path}: {error.strerror or error}") from error
        log.info("loading", "%s: its tensors are kept as %s", path, target)
    return target


def _safetensors(archive: Archive, source: BinaryIO, *, limit: int) -> Iterator[bytes]:
    """The bytes of the file: the header, then each different tensor."""
    own, other = _distinct(archive.tensors)
    header: dict[str, object] = {"__metadata__": {"format": "pt", **other}}
    end = 0
    for name, tensor in own.items():
        header[name] = {
            "dtype": tensor.storage.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [end, end + tensor.nbytes],
        }
        end += tensor.nbytes
    if end > 2 * limit:  # views of one storage, each of which would be written out
        raise FormatError(f"its tensors would take {end} bytes, in a file of {limit}: refused")
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for tensor in own.values():
        yield from _elements(tensor, archive.places[tensor.storage.key], source)


def _distinct(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors, each once, and the further names of those that have several: tied weights."""
    first = dict[Tensor, str]()
    other = dict[str, str]()
    for name, tensor in tensors.items():
        if first.setdefault(tensor, name) != name:
            other[name] = first[tensor]
    return {name: tensor for tensor, name in first.items()}, other


def _elements(tensor: Tensor, start: int, source: BinaryIO) -> Iterator[bytes]:
    width = WIDTHS[tensor.storage.dtype]
    if not tensor.nbytes:
        return
    if not tensor.is_contiguous:
        yield _gathered(tensor, start, source)
        return
    source.seek(start + tensor.start * width)
    left = tensor.nbytes
    while left:
        piece = source.read(min(left, _CHUNK))
        if not piece:
            raise FormatError("the file became shorter while it was read")
        left -= len(piece)
        yield piece


def _gathered(tensor: Tensor, start: int, source: BinaryIO) -> bytes:
    """The elements of a tensor with strides of its own, such as a transposed matrix, in the order of its shape."""
    width = WIDTHS[tensor.storage.dtype]
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    source.seek(start + tensor.start * width)
    data = source.read((last + 1) * width)
    if len(data) < (last + 1) * width:
        raise FormatError("the file became shorter while it was read")
    return arrays.gathered(data, width=width, shape=tensor.shape, strides=tensor.strides)
