"""A conversation through a chat template: its variables, each checked, and the rendered text."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litz import _core
from litz.arguments.mistaken import described
from litz.errors import ArgumentError, UnknownArgumentError
from litz.numbers import shown
from litz.tokenizers.chat.schema import get_json_schema
from litz.tokenizers.chat.text import ChatText, Ranges
from litz.tokenizers.chat.values import plain
from litz.tokenizers.similar import similar

Message = dict[str, Any]

# The names under which a message's reasoning goes; templates read the first, gpt-oss reads the second.
_REASONING = ("reasoning_content", "thinking", "reasoning")
_OPEN_END = "CONTINUE_FINAL_MESSAGE_TAG "


@dataclasses.dataclass(frozen=True)
class Rendered:
    """A conversation as text, and the ranges of it that generation blocks wrote (from, to; in characters)."""

    text: ChatText
    generation: Ranges


@dataclasses.dataclass(frozen=True)
class Request:
    """The input of a template besides the conversation."""

    source: str
    template: _core.Template
    variables: Mapping[str, Any]  # special tokens, then what the caller passed
    special: tuple[str, ...]  # the variables that are the tokenizer's special tokens
    trust_content: bool
    tools: list[Any] | None
    documents: list[Any] | None
    add_generation_prompt: bool
    continue_final_message: bool | str


def request(
    source: str,
    template: _core.Template,
    special_tokens: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    tools: Sequence[Any] | None,
    documents: Sequence[Any] | None,
    add_generation_prompt: bool,
    continue_final_message: bool | str,
    trust_content: bool = False,
    arguments: Sequence[str] = (),
) -> Request:
    """Checks that everything passed has an effect: a template that reads no tools cannot be given any.

    `arguments` are names of the caller's own, which a misspelt variable may be meant to be.
    """
    names = set(template.names)
    for name, value in variables.items():
        if name not in names:
            from litz.tokenizers.chat.template_names import read_from_outside

            raise UnknownArgumentError(_unread(name, value, read_from_outside(source, names), arguments))
    if tools and "tools" not in names:
        raise ArgumentError("this chat template does not read tools: the model was not made for them")
    if documents and "documents" not in names:
        raise ArgumentError("this chat template does not read documents")
    if add_generation_prompt and continue_final_message:
        raise ArgumentError(
            "add_generation_prompt begins a new answer, continue_final_message goes on with the last message: pass one"
        )
    return Request(
        source=source,
        template=template,
        variables={**special_tokens, **plain(variables)},
        special=tuple(name for name in special_tokens if name not in variables),
        trust_content=trust_content,
        tools=None if tools is None else [_tool(tool) for tool in tools],
        documents=None if documents is None else [_document(document) for document in documents],
        add_generation_prompt=add_generation_prompt,
        continue_final_message=continue_final_message,
    )


def _unread(name: str, value: Any, names: Sequence[str], arguments: Sequence[str]) -> str:
    near = similar(name, {*names, *arguments})
    if near:
        return f"apply_chat_template got {name}={shown(value)}, which this chat template does not read{near}"
    return f"this chat template does not read {name!r}; from outside it reads {', '.join(names) or 'nothing'}"


def render(requested: Request, conversation: Any) -> Rendered:
    """Renders one conversation; TemplateError has the template's own message and its line."""
    messages = messages_of(conversation)
    field = requested.continue_final_message
    if field:
        field = field if isinstance(field, str) else "content"
        messages, last = _opened(messages, field, requested.source)
    variables = {
        **requested.variables,
        "messages": messages,
        "tools": requested.tools,
        "documents": requested.documents,
        "add_generation_prompt": requested.add_generation_prompt,
    }
    text, generation, trusted = requested.template.render(variables, special=requested.special)
    if field:
        text = _cut(text, last)
    size = len(text.encode())
    return Rendered(
        ChatText(text, ((0, size),) if requested.trust_content else _within(trusted, size)),
        _within(generation, len(text)),
    )


def _within(ranges: Sequence[tuple[int, int]], end: int) -> Ranges:
    return tuple((start, min(stop, end)) for start, stop in ranges if start < end)


def conversations_of(given: Any) -> tuple[list[Any], bool]:
    """The conversations in an argument, and whether there were several."""
    given = getattr(given, "messages", given)
    if not isinstance(given, list | tuple) or not given:
        raise ArgumentError(f"expected a list of messages, found {described(given)}{_as_messages(given)}")
    several = isinstance(given[0], list | tuple) or hasattr(given[0], "messages")
    return (list(given), True) if several else ([given], False)


def _as_messages(given: Any) -> str:
    """How to pass a value that is nearly a conversation."""
    if isinstance(given, str):
        return f"; pass [{{'role': 'user', 'content': {shown(given)}}}]"
    return "; put it into a list" if isinstance(given, Mapping) else ""


def messages_of(conversation: Any) -> list[Message]:
    """The messages as plain data: no keys without a value, reasoning under every name that templates read."""
    messages = []
    for place, message in enumerate(getattr(conversation, "messages", conversation)):
        fields = plain(message)
        if not isinstance(fields, dict):
            raise ArgumentError(f"message {place} must be a dict with role and content, found {message!r:.80}")
        fields = {name: value for name, value in fields.items() if value is not None}
        reasoning = next((fields[name] for name in _REASONING if name in fields), None)
        if reasoning is not None:
            fields = {"thinking": reasoning, **fields, "reasoning_content": reasoning}
        messages.append(fields)
    return messages


def _tool(tool: dict[str, Any] | Callable[..., Any]) -> Any:
    if isinstance(tool, Mapping):
        return plain(tool)
    if callable(tool):
        return get_json_schema(tool)
    raise ArgumentError(f"a tool is a function or a JSON schema, found {tool!r:.80}")


def _document(document: Any) -> Any:
    if not isinstance(document, Mapping):
        raise ArgumentError(f"a document is a dict, such as one of title and text, found {document!r:.80}")
    return plain(document)


def _opened(messages: list[Message], field: str, source: str) -> tuple[list[Message], str]:
    """The messages with a mark at the end of the last one's `field`, and the text that it marks."""
    content = messages[-1].get(field) if messages else None
    if content is None:
        raise ArgumentError(f"continue_final_message: the last message has no {field!r} to go on with")
    names = [field]
    if field in _REASONING:
        names = [name for name in _REASONING if messages[-1].get(name) == content]
    if not any(name in source for name in names):
        raise ArgumentError(f"continue_final_message: this chat template does not read {field!r} of a message")
    if isinstance(content, list | tuple):
        parts = [part for part in content if isinstance(part, dict) and "text" in part]
        if not parts:
            raise ArgumentError("continue_final_message: the last message has no text to go on with")
        text = parts[-1]["text"]
        parts[-1]["text"] = text + _OPEN_END
        return messages, text
    if not isinstance(content, str):
        raise ArgumentError(f"continue_final_message: {field!r} of the last message is no text")
    messages[-1].update(dict.fromkeys(names, content + _OPEN_END))
    return messages, content


def _cut(text: str, last: str) -> str:
    """The text up to the mark; a template that trims the message trims what is left, too."""
    place = text.rfind(_OPEN_END.strip())
    if place < 0 or last.strip() not in text:
        raise ArgumentError(
            "continue_final_message: the template does not show the last message as it is, so there is no place in the "
            f"text to go on from; the message is {last.strip()!r:.80}"
        )
    if text[place : place + len(_OPEN_END)] == _OPEN_END:
        return text[:place]
    return text[:place].rstrip()
