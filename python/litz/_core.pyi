"""The native core: what `crates/litz-python` binds, typed."""

import os
from typing import Any

__version__: str

class TensorFile:
    """An open GGUF or safetensors file: mapped, validated once, then only looked up.

    Don't write to a file while it is open: truncating it ends this process when what is gone is read. Replacing it by
    renaming another over it is safe.
    """

    def __init__(self, path: str | os.PathLike[str], /) -> None: ...
    @property
    def format(self) -> str:
        """`gguf` or `safetensors`, decided by the header and never by the name."""
    @property
    def size(self) -> int:
        """The size of the file in bytes."""
    def metadata(self) -> dict[str, Any]:
        """Every key with its value, in the file's order; text that is not UTF-8 is bytes.

        Arrays of more than 64 items and arrays of arrays are left out: `metadata_array` reads those.
        """
    def metadata_array(self, key: str, /) -> list[Any] | None:
        """One array in full; None if the file has no such key."""
    def tensors(self) -> dict[str, tuple[str, tuple[int, ...], int]]:
        """dtype, shape (outermost first) and size in bytes by name, in the file's order."""
    def read(self, name: str, /) -> bytes:
        """A tensor's bytes as they are stored."""
    def read_f32(self, name: str, /) -> bytes:
        """A tensor as little-endian F32, bit for bit as the reference of its format converts it."""
