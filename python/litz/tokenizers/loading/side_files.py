"""The keys of the files beside a tokenizer: each is used, known to have no effect, or reported."""

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from litz.errors import ArgumentError, ConfigError, FormatError, LitzError
from litz.hub import ModelFiles
from litz.numbers import shown
from litz.tokenizers.added_token import AddedToken, is_token
from litz.tokenizers.defaults import Side
from litz.tokenizers.loading import known_keys

CONFIG = "tokenizer_config.json"
LISTED = "special_tokens_map.json"
FILE = "tokenizer.json"
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def read_object(files: ModelFiles, name: str) -> dict[str, Any]:
    """The JSON object in a file, or an empty one where there is no such file."""
    path = files.find(name)
    if path is None:
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path} holds a {type(content).__name__}; expected an object")
    return content


class SideKeys:
    """Keys of several places, of which the later ones count, and which of them were read.

    A value of the wrong kind is ConfigError with its file and key, or ArgumentError where a caller passed it.
    """

    def __init__(self, values: Mapping[str, Any], *, where: str) -> None:
        self._values = dict(values)
        self._where = dict.fromkeys(values, where)
        self._written_as: dict[str, str] = {}  # the key that the file has, where it is another
        self._read: set[str] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def put(self, key: str, value: Any, where: str) -> None:
        """Gives a key another value, from another place; "" is a caller's argument."""
        self._values[key] = value
        self._where[key] = where
        self._written_as.pop(key, None)

    def move(self, key: str, to: str) -> None:
        """Takes the value of a key as that of another."""
        self.put(to, self._values.pop(key), self._where.pop(key))
        self._written_as[to] = key

    def get(self, key: str) -> Any:
        """The value, or None."""
        self._read.add(key)
        return self._values.get(key)

    def peek(self, key: str) -> Any:
        """The value, which does not count as read."""
        return self._values.get(key)

    def where(self, key: str) -> str:
        """The file that has the key, or "" for an argument."""
        return self._where.get(key, CONFIG)

    def passed(self, key: str) -> bool:
        """Whether a caller passed the key."""
        return self._where.get(key) == ""

    def wrong(self, key: str, expected: str, found: Any = None) -> LitzError:
        """The error for a value that is not what it must be."""
        value = shown(self._values.get(key) if found is None else found)
        error = ArgumentError if self.passed(key) else ConfigError
        return error(f"{self._place(key)} must be {expected}, found {value}")

    def _place(self, key: str) -> str:
        name = self._written_as.get(key, key)
        return name if self.passed(key) else f"{self.where(key)}: {name}"

    def flag(self, key: str) -> bool | None:
        """True or false, or None where the key is absent."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.wrong(key, "true or false")

    def text(self, key: str) -> str | None:
        """A text, or None."""
        value = self.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong(key, "a text")

    def texts(self, key: str) -> list[str] | None:
        """A list of texts, or None."""
        value = self.get(key)
        if value is None:
            return None
        if not (isinstance(value, list | tuple) and value and all(isinstance(item, str) and item for item in value)):
            raise self.wrong(key, "a list of at least one name")
        return list(value)

    def side(self, key: str) -> Side | None:
        """A side, or None."""
        value = self.get(key)
        if value is None:
            return None
        if value == "left":
            return "left"
        if value == "right":
            return "right"
        raise self.wrong(key, "'left' or 'right'")

    def token(self, key: str) -> str | AddedToken | None:
        """A token as text or as an object with flags, or None."""
        value = self.get(key)
        return None if value is None else self.token_of(value, key, special=True)

    def token_of(self, value: Any, key: str, *, special: bool = False) -> str | AddedToken:
        """One token of a value that holds several; with `special` it is special whatever its flags."""
        if is_token(value):
            return str(value)
        if isinstance(value, Mapping):
            return added_token(value, self._place(key), special=special)
        if is_token(getattr(value, "content", None)):
            return AddedToken(value.content, **{flag: bool(getattr(value, flag)) for flag in FLAGS})
        raise self.wrong(key, "a token: a text, or an object with content and flags")

    def finish(self) -> None:
        """Reports unread keys, except those that are known to have no effect."""
        left: dict[str, list[str]] = {}
        for key, value in self._values.items():
            if key in self._read or key in known_keys.WITHOUT_EFFECT or value is None or value is False:
                continue
            left.setdefault(self.where(key), []).append(key)
        passed = left.pop("", [])
        if passed:
            raise ArgumentError(f"{', '.join(sorted(passed))} would have no effect on this tokenizer; leave it out")
        for where, keys in left.items():
            warnings.warn(f"{where}: unknown keys were ignored: {', '.join(sorted(keys))}", stacklevel=2)


def added_token(value: Mapping[str, Any], where: str, *, special: bool = False) -> AddedToken:
    """A token written as an object: `content`, and flags that are true or false."""
    content = value.get("content")
    if not is_token(content):
        raise ConfigError(f"{where} must be a token with a content of at least one character, found {shown(content)}")
    for key, flag in value.items():
        if key in ("content", "__type"):
            continue
        if key not in FLAGS:
            raise ConfigError(f"{where}: {key!r} is no flag of a token; known are {', '.join(FLAGS)}")
        if not isinstance(flag, bool) and not (flag is None and key == "normalized"):
            raise ConfigError(f"{where}: {key} of {content!r} must be true or false, found {shown(flag)}")
    flags = {key: value[key] for key in FLAGS if key in value}
    return AddedToken(str(content), **{**flags, "special": special or flags.get("special", False)})
