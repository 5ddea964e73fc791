"""Names and types of what the tokenizer's calls take besides texts, for type checkers and editors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

Message = Mapping[str, Any]
Conversation = Sequence[Message]
Padding = bool | Literal["longest", "max_length", "do_not_pad"]
Truncation = bool | Literal["longest_first", "only_first", "only_second", "do_not_truncate"]
Tool = Mapping[str, Any] | Callable[..., Any]


class EncodeOptions(TypedDict, total=False):
    """What `encode` takes besides texts and the form of its result."""

    add_special_tokens: bool | None
    padding: Padding
    truncation: Truncation | None
    max_length: int | None
    stride: int
    padding_side: Literal["left", "right"] | None
    is_split_into_words: bool
    pad_to_multiple_of: int | None
    split_special_tokens: bool | None
    verbose: bool


class CallOptions(TypedDict, total=False):
    """What a call of a tokenizer takes besides texts and what makes several rows of one."""

    text_target: Any
    text_pair_target: Any
    add_special_tokens: bool | None
    padding: Padding
    truncation: Truncation | None
    max_length: int | None
    stride: int
    pad_to_multiple_of: int | None
    padding_side: Literal["left", "right"] | None
    return_token_type_ids: bool | None
    return_attention_mask: bool | None
    return_special_tokens_mask: bool
    return_offsets_mapping: bool
    return_length: bool
    verbose: bool
    split_special_tokens: bool | None
    max_target_length: int | None
    tokenizer_kwargs: Mapping[str, Any] | None


class TemplateVariables(TypedDict, total=False):
    """Variables that published chat templates read; others pass type checkers in a `**` of type dict[str, Any]."""

    enable_thinking: bool
    thinking: bool
    thinking_budget: int
    thinking_mode: str
    preserve_thinking: bool
    reasoning_effort: str
    model_identity: str
    date_string: str
    builtin_tools: Sequence[str]
    custom_tools: Sequence[Tool]
    tools_in_user_message: bool
    xml_tools: Sequence[Any]
    python_tools: Sequence[Any]
    system_message: str
    keep_past_thinking: bool
    add_vision_id: bool


class ChatOptions(TemplateVariables, total=False):
    """What `apply_chat_template` takes besides the conversation and the form of its result."""

    documents: Sequence[Mapping[str, str]] | None
    chat_template: str | None
    add_generation_prompt: bool
    continue_final_message: bool | str
    padding: Padding
    truncation: Truncation
    max_length: int | None
    trust_content: bool
    sanitize_control_tokens: bool | None
    tokenizer_kwargs: Mapping[str, Any] | None
