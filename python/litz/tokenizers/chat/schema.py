"""A Python function as the JSON schema that chat templates show to a model: type hints and a Google-style docstring."""

import inspect
import json
import re
import types
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from litz.errors import ArgumentError

_PLAIN: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    dict: {"type": "object"},
    Any: {},
}


def get_json_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """The schema of a function: its name, its description, and each argument with type and description.

    Every argument needs a type hint and a line in the docstring's `Args:`; `(choices: ["a", "b"])` at the end of that
    line lists what it may be. ArgumentError says what is missing.
    """
    name = getattr(function, "__name__", "operation")
    doc = inspect.getdoc(function)
    if not doc:
        raise ArgumentError(f"{name} has no docstring: a model could not know what it does")
    description, arguments, returned = _docstring(doc.strip())
    parameters = _parameters(function, name)
    result = parameters["properties"].pop("return", None)
    for argument, schema in parameters["properties"].items():
        if argument not in arguments:
            raise ArgumentError(f"the docstring of {name} does not describe the argument {argument!r}: add it to Args:")
        _describe(schema, arguments[argument], name, argument)
    described: dict[str, Any] = {"name": name, "description": description, "parameters": parameters}
    if result is not None:
        described["return"] = {**result, "description": returned} if returned is not None else result
    return {"type": "function", "function": described}


def _describe(schema: dict[str, Any], text: str, name: str, argument: str) -> None:
    choices = re.search(r"\(choices:\s*(.*?)\)\s*$", text, flags=re.IGNORECASE)
    if choices:
        try:
            options = json.loads(choices[1])
        except ValueError as error:
            raise ArgumentError(f"the choices of {argument!r} in {name} are not a JSON list: {choices[1]}") from error
        schema["enum"] = [option.strip() if isinstance(option, str) else option for option in options]
        text = text[: choices.start()].strip()
    schema["description"] = text


def _docstring(doc: str) -> tuple[str, dict[str, str], str | None]:
    """The description, the arguments and the result of a Google-style docstring."""
    heading = r"(?:Args|Returns|Raises):"
    parts = re.split(rf"(?:^|\n)[ \t]*({heading})(?=\s|$)", doc)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    returned = sections.get("Returns:")
    return parts[0].strip(), _arguments(sections.get("Args:", "")), returned.strip() if returned is not None else None


def _arguments(section: str) -> dict[str, str]:
    """`name: text` entries; lines indented deeper than the first go on with the text before them."""
    found: dict[str, str] = {}
    name, margin = "", None
    for line in filter(str.strip, section.split("\n")):
        indent = len(line) - len(line.lstrip())
        entry = re.match(r"\s*(\w+):\s*(.*)", line)
        if entry and (margin is None or indent <= margin):
            name, margin = entry[1], indent
            found[name] = entry[2].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _parameters(function: Callable[..., Any], name: str) -> dict[str, Any]:
    hints = get_type_hints(function)
    signature = inspect.signature(function).parameters
    first = next(iter(signature), None)
    receiver = first if first in ("self", "cls") and signature[first].annotation is inspect.Parameter.empty else None
    required = []
    for argument, parameter in signature.items():
        if argument == receiver:
            continue
        if parameter.annotation is inspect.Parameter.empty:
            raise ArgumentError(f"the argument {argument!r} of {name} has no type hint")
        if parameter.default is inspect.Parameter.empty:
            required.append(argument)
    properties = {}
    for argument, hint in hints.items():
        try:
            properties[argument] = _schema(hint)
        except ArgumentError:
            # A model never writes the result: one that has no schema is left out.
            if argument != "return":
                raise
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    return parameters


def _schema(hint: Any) -> dict[str, Any]:
    """The schema of one type hint."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is None and isinstance(hint, type) and issubclass(hint, Enum):
        return _choices([member.value for member in hint], hint.__name__)
    if origin is None:
        if hint not in _PLAIN:
            raise ArgumentError(
                f"the type hint {hint!r} has no JSON schema; use str, int, float, bool, list, dict, tuple, Literal, an "
                "Enum or a union of those, or pass the schema itself"
            )
        return dict(_PLAIN[hint])
    if origin is Union or origin is types.UnionType:
        return _union(args)
    if origin is Literal:
        return _choices(list(args), "Literal")
    if origin is list:
        return {"type": "array", "items": _schema(args[0])}
    if origin is tuple:
        if len(args) == 1 or ... in args:
            raise ArgumentError(f"the type hint {hint} has no JSON schema; use list[...] for any number of items")
        return {"type": "array", "prefixItems": [_schema(arg) for arg in args]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(args[1])}
    raise ArgumentError(f"the type hint {hint} has no JSON schema; pass the schema itself")


def _union(args: tuple[Any, ...]) -> dict[str, Any]:
    options = [_schema(arg) for arg in args if arg is not type(None)]
    names = sorted({str(option.get("type")) for option in options})
    if len(options) == 1:
        schema = options[0]
    elif all(option.keys() == {"type"} and isinstance(option["type"], str) for option in options):
        schema = {"type": names[0] if len(names) == 1 else names}
    else:
        schema = {"anyOf": options}
    if type(None) in args:
        schema["nullable"] = True
    return schema


def _choices(values: list[Any], name: str) -> dict[str, Any]:
    if not values or any(type(value) not in (int, float, str, bool, type(None)) for value in values):
        raise ArgumentError(f"the values of {name} must be text, numbers, booleans or None, found {values}")
    kinds = list(dict.fromkeys(_PLAIN[type(value)]["type"] for value in values))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}
