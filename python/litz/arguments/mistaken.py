"""Errors for values of the wrong kind: a model for a name, a tokenizer for a model, text for ids."""

import os
from collections.abc import Mapping
from typing import Any

from litz.errors import ArgumentError
from litz.numbers import shown


def is_model(value: Any) -> bool:
    """Whether it is a loaded model that generates, of any library."""
    return hasattr(type(value), "generate")


def _is_loaded(value: Any) -> bool:
    """Whether it is a loaded model, of any library and kind."""
    return is_model(value) or hasattr(type(value), "named_parameters")


def is_tokenizer(value: Any) -> bool:
    """Whether it is a tokenizer, of any library."""
    return hasattr(type(value), "apply_chat_template")


def described(value: Any) -> str:
    """A short description of a value."""
    kind = type(value).__name__
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if _is_loaded(value):
        return f"a loaded model ({kind})"
    if is_tokenizer(value):
        return f"a tokenizer ({kind})"
    if kind.endswith("Pipeline"):
        return f"a pipeline ({kind})"
    if hasattr(value, "to_dict") and hasattr(value, "save_pretrained"):
        return f"a configuration ({kind})"
    if _is_message(value):
        return "a message"
    if isinstance(value, (list, tuple)) and value and all(_is_message(item) for item in value):
        return "a conversation"
    if isinstance(value, Mapping) and "input_ids" in value:
        return f"what a tokenizer returns ({kind})"
    return shown(value)


def check_source(source: Any, of: str) -> None:
    """ArgumentError unless the source is a name or a path; `of` is the name of the function in errors."""
    if isinstance(source, (str, os.PathLike)):
        return
    hint = ""
    if _is_loaded(source) or is_tokenizer(source):
        wanted = "Tokenizer" in of
        kept = is_tokenizer(source) if wanted else _is_loaded(source)
        name = getattr(source, "name_or_path", None)
        where = f"its name_or_path, {name!r}" if isinstance(name, str) and name else "the name that it was loaded from"
        hint = f"; {'use it as it is, or ' if kept else ''}pass {where}"
    elif described(source).startswith("a configuration"):
        hint = "; a configuration goes to config=, beside the name whose weights are loaded"
    elif described(source).startswith("a pipeline"):
        hint = "; its model and its tokenizer are pipe.model and pipe.tokenizer"
    raise ArgumentError(f"{of} takes the name or path of a model, found {described(source)}{hint}")


def not_ids(value: Any, name: str) -> str:
    """What to say where ids were meant and something of another kind was passed; "" if that is not known."""
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    if isinstance(first, str):
        return f"found {shown(value)}, which is text; encode it first: [tokenizer.encode(text)] is a batch of one"
    if _is_message(first):
        advice = "pass [tokenizer.apply_chat_template(messages, add_generation_prompt=True)], a batch of one"
        return f"found {described(value)}; {advice}"
    if isinstance(value, Mapping) and "input_ids" in value:
        return f"found {described(value)}; unpack it: model(**inputs)"
    if is_tokenizer(value):
        return f"found {described(value)}; pass what it makes of a text: [tokenizer.encode(text)]"
    if _is_loaded(value):
        return f"found {described(value)}"
    if value is None:
        return "found None; pass ids, such as [tokenizer.encode(text)]"
    return ""


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and "role" in value
