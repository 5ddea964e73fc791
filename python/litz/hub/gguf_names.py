"""Names of GGUF files: which one of a repository is meant, the only one or that of a quantisation."""

import re
from pathlib import Path

from litz.errors import ModelNotFoundError, UnsupportedError

_PART = re.compile(r"-\d{5}-of-(?!00001)\d{5}\.gguf$")


def gguf_names(names: list[str]) -> list[str]:
    """The GGUF files among `names`, without the projectors that vision models bring beside them."""
    return sorted(name for name in names if name.endswith(".gguf") and not Path(name).name.startswith("mmproj"))


def choose_gguf(names: list[str], source: str) -> str | None:
    """The one GGUF file, None if there is none; of several the user must choose. `-00001-of-00001` is whole."""
    found = gguf_names(names)
    parts = [name for name in found if _PART.search(name)]
    if found and found == parts:
        raise UnsupportedError(f"{source}: {found[0]} is a part of a split GGUF; join the parts into one file first")
    if len(found) > 1:
        raise ModelNotFoundError(
            f"{source} has {len(found)} GGUF files: {_listed(found)}; choose one with gguf_file= (or owner/name:FILE, "
            "or owner/name:Q4_K_M for the one of a quantisation)"
        )
    return found[0] if found else None


def gguf_paths(folder: Path) -> list[str]:
    """The GGUF files in a folder and its subfolders, with forward slashes."""
    return gguf_names([path.relative_to(folder).as_posix() for path in folder.rglob("*.gguf") if path.is_file()])


def quantised(names: list[str], quantisation: str) -> list[str]:
    """The GGUF files whose name ends with a quantisation: `m-Q4_K_M.gguf`, `m.q4_k_m-00001-of-00002.gguf`."""
    ending = re.compile(
        rf"(?:^|[-._/]){re.escape(quantisation)}(?:-\d{{5}}-of-\d{{5}})?\.gguf$", re.IGNORECASE | re.ASCII
    )
    return [name for name in gguf_names(names) if ending.search(name)]


def choose_quantised(names: list[str], quantisation: str, source: str) -> str:
    """The one file of a quantisation; ModelNotFoundError lists what there is, UnsupportedError if it is in parts."""
    found = quantised(names, quantisation)
    if not found:
        there = _listed(gguf_names(names)) or "no GGUF file"
        raise ModelNotFoundError(f"{source} has no {quantisation} file; it has {there}")
    if all(_PART.search(name) for name in found):
        raise UnsupportedError(
            f"{source}: {quantisation} comes in {len(found)} parts ({found[0]}, …): join them into one file "
            "first, or take another quantisation"
        )
    if len(found) > 1:
        raise ModelNotFoundError(f"{source} has {len(found)} {quantisation} files: {_listed(found)}; name one of them")
    return found[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
