"""A text file as part of a message."""

import re
from dataclasses import dataclass
from pathlib import Path

from litz.errors import ArgumentError, FormatError

_LONGEST_TOKEN = 64  # the most bytes of a token, on average over a file
_MOST_WORDS = 20  # of a file's name that is not quoted
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Attachment:
    """The name of a file and its text."""

    name: str
    text: str

    def block(self) -> str:
        """The file as a message shows it: its name, and its text between fences that it does not hold."""
        longest = max((len(run) for run in re.findall("`+", self.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{self.name}:\n{fence}\n{self.text.rstrip()}\n{fence}"


def read_attachment(path: Path, room: int) -> Attachment:
    """A text file for a context with `room` tokens left; errors say what the file is instead."""
    if not path.exists():
        raise ArgumentError(f"no file {str(path)!r}")
    if not path.is_file():
        raise ArgumentError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}: name a text file")
    bytes_there = path.stat().st_size
    if bytes_there > max(room, 1) * _LONGEST_TOKEN:
        raise ArgumentError(f"{path} has {bytes_there:,} bytes, and the context has room for {room:,} tokens")
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text: byte {error.start} is no {encoding.upper()}") from error
    if "\0" in text:
        raise FormatError(f"{path} is no text: it holds bytes of zero")
    if not text.strip():
        raise ArgumentError(f"{path} is empty")
    return Attachment(path.name, text)


def split_path(argument: str) -> tuple[str, str]:
    """(path, rest) of a line: what is quoted, else as many words as name a file, else the first word."""
    quoted = re.match(r"""(["'])(.*?)\1(?:\s+|$)""", argument, re.DOTALL)
    if quoted:
        return quoted[2], argument[quoted.end() :].strip()
    ends = [match.end() for match in re.finditer(r"(?:\\.|\S)+", argument)]
    if not ends:
        return "", ""
    there = (end for end in reversed(ends[:_MOST_WORDS]) if Path(unquoted(argument[:end])).expanduser().is_file())
    end = next(there, ends[0])
    return unquoted(argument[:end]), argument[end:].strip()


def unquoted(name: str) -> str:
    """A file's name without the quotes around it, or the backslashes before its spaces."""
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        return name[1:-1]
    return re.sub(r"\\([\s\"'\\])", r"\1", name)
