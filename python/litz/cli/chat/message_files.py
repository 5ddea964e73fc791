"""Reader of message files: litz's own form, a bare list, or JSON lines; content as text or parts."""

import json
from pathlib import Path
from typing import Any

from litz.cli.engine import Message
from litz.errors import ArgumentError, FormatError

EXPECTED = "expected a JSON object with 'messages', a list of messages, or one message a line"
MOST = 1 << 28
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def read_messages(path: Path) -> tuple[list[Message], str]:
    """The messages of a file, and the model that it names or nothing. FormatError names the message that is wrong."""
    if not path.is_file():
        raise ArgumentError(f"{str(path)!r} is {'a folder' if path.is_dir() else 'no file'}: name a saved conversation")
    if path.stat().st_size > MOST:
        raise FormatError(
            f"{path} has {path.stat().st_size:,} bytes, and no conversation that litz reads has over {MOST:,}"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text (byte {error.start} is no UTF-8); {EXPECTED}") from error
    content = _content(text, path)
    model = content.get("model") if isinstance(content, dict) else None
    messages = content.get("messages") if isinstance(content, dict) else content
    if not isinstance(messages, list) or content == []:
        raise FormatError(f"{path} is no saved conversation: {EXPECTED}")
    read = [_message(message, f"{path}: message {place}") for place, message in enumerate(messages, 1)]
    return read, model if isinstance(model, str) else ""


def _content(text: str, path: Path) -> Any:
    """One JSON value, or the messages of JSON lines."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as whole:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].lstrip().startswith("{") or len(lines[0][1].strip()) < 2:
            raise FormatError(f"{path} is no saved conversation ({_reason(whole)}): {EXPECTED}") from whole
        return [_line(line, f"{path}, line {number}") for number, line in lines]
    one = isinstance(content, dict) and "role" in content and "messages" not in content
    return [content] if one else content


def _line(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is no JSON ({_reason(error)}): {EXPECTED}") from error


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else "nested too deeply"


def _message(message: Any, where: str) -> Message:
    if not isinstance(message, dict):
        raise FormatError(f"{where} is {_kind(message)}: expected an object with role and content")
    role = message.get("role")
    if role is None:
        raise FormatError(f"{where} has no role: expected system, user or assistant")
    if not isinstance(role, str) or role not in _ROLES:
        raise FormatError(f"{where} has the role {role!r:.40}: expected system, user or assistant")
    for name in ("tool_calls", "function_call"):
        if message.get(name):
            raise FormatError(f"{where} has {name}, and litz chat calls no tools")
    if message.get("content") is None:
        raise FormatError(f"{where} has no content")
    read = {"role": _ROLES[role], "content": _text(message["content"], where)}
    if isinstance(message.get("reasoning_content"), str):
        read["reasoning_content"] = message["reasoning_content"]
    return read


def _text(content: Any, where: str) -> str:
    """A text as it is, or the texts of OpenAI's content parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise FormatError(f"{where} has {_kind(content)} as content: expected a text or a list of parts of text")
    texts = []
    for place, part in enumerate(content, 1):
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if kind not in ("text", "input_text", "output_text"):
            found = f"of type {kind!r:.40}" if kind is not None else _kind(part)
            raise FormatError(f"{where}: part {place} is {found}: a chat of texts has no use for it")
        if not isinstance(part.get("text"), str):
            raise FormatError(f"{where}: part {place} has no text")
        texts.append(part["text"])
    return "".join(texts)


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
