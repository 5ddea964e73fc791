"""`Where`: the location of a model, which every `from_pretrained` takes as keyword arguments beside the name."""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict, TypeVar, cast

Path = str | os.PathLike[str]
Function = TypeVar("Function", bound=Callable[..., Any])


class WhereArguments(TypedDict, total=False):
    """The keywords of `Where`, and `trust_remote_code`, which is accepted and has no effect: files are data."""

    revision: str | None
    gguf_file: str | None
    cache_dir: Path | None
    local_files_only: bool
    token: str | bool | None
    trust_remote_code: bool | None
    subfolder: str | None


@dataclass(frozen=True)
class Where:
    """Which revision and files of a model are meant, which cache holds them, and whether the network may be used."""

    revision: str | None = None  # a branch, tag or commit of the Hub
    gguf_file: str | None = None  # one of several GGUF files, in `subfolder`
    cache_dir: Path | None = None  # instead of the caches that the environment names
    local_files_only: bool = False
    token: str | bool | None = None  # for private repositories of the Hub
    subfolder: str | None = None  # a folder inside the model's that stands for it, with forward slashes

    @classmethod
    def of(cls, arguments: WhereArguments) -> "Where":
        """The location that these arguments name."""
        named: Any = {name: value for name, value in arguments.items() if name != "trust_remote_code"}
        return cls(**named)


_NAMES = frozenset(WhereArguments.__annotations__)
_DEFAULTS = {field.name: field.default for field in fields(Where)}


def split(arguments: Mapping[str, Any]) -> tuple[WhereArguments, dict[str, Any]]:
    """A function's keyword arguments as those that say where a model is, and the others."""
    where = {name: value for name, value in arguments.items() if name in _NAMES}
    return cast("WhereArguments", where), {name: value for name, value in arguments.items() if name not in _NAMES}


def with_where_signature(function: Function) -> Function:
    """The function, whose signature spells out the keywords of `Where` for notebooks, help() and suggestions."""
    signature = inspect.signature(function)
    *own, others = signature.parameters.values()
    kind = inspect.Parameter.KEYWORD_ONLY
    spelt = [
        inspect.Parameter(name, kind, default=_DEFAULTS.get(name, False), annotation=annotation)
        for name, annotation in WhereArguments.__annotations__.items()
    ]
    function.__signature__ = signature.replace(parameters=[*own, *spelt, others])  # type: ignore[attr-defined]
    return function
