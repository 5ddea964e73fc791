"""Which chat template a conversation uses."""

from collections.abc import Mapping, Sequence
from typing import Any

from litz.errors import ArgumentError


def chosen(own: str | Mapping[str, str] | None, requested: Any, tools: Sequence[Any] | None, *, name: str) -> str:
    """The source of a template: one of the tokenizer's own by name, the one that is passed, or the default one."""
    if requested is not None and not isinstance(requested, str):
        raise ArgumentError(f"chat_template must be the name of a template or one itself, found {requested!r:.60}")
    if isinstance(own, Mapping):
        if requested is None:
            requested = "tool_use" if tools is not None and "tool_use" in own else "default"
            if requested not in own:
                raise ArgumentError(f"no chat template is the default; choose one of {', '.join(sorted(own))}")
        return own.get(requested, requested)
    if requested is not None:
        return requested
    if own is None:
        raise ArgumentError(
            f"{name or 'this tokenizer'} has no chat template: it may be a base model, not made to chat; set "
            "tokenizer.chat_template or pass chat_template="
        )
    return own


def refuse_options_of_ids(**passed: Any) -> None:
    """ArgumentError for arguments that act on ids, where text is requested."""
    idle = [name for name, value in passed.items() if value]
    if idle:
        raise ArgumentError(f"{' and '.join(idle)} would have no effect with tokenize=False, which returns text")


def trusts_content(trust_content: bool, sanitize: bool | None) -> bool:
    """Whether special tokens count in what the template is given, too."""
    if trust_content and sanitize:
        raise ArgumentError("trust_content=True and sanitize_control_tokens=True contradict; pass one of them")
    return trust_content or sanitize is False
