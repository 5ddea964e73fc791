"""A tokenizer's chat surface: conversations through its templates, as text or as ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from litz import _core
from litz.arguments import names_of
from litz.errors import ArgumentError
from litz.tokenizers import chat, tensors
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.sequences import Sequences

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from litz.tokenizers.signatures import ChatOptions, Conversation, Tool


class Conversations(Sequences):
    """The part of `Tokenizer` that chats."""

    name_or_path: str
    chat_template: str | dict[str, str] | None
    _compiled: dict[str, _core.Template]

    @overload
    def apply_chat_template(
        self,
        conversation: "Conversation",
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[False],
        **options: "Unpack[ChatOptions]",
    ) -> str: ...
    @overload
    def apply_chat_template(
        self,
        conversation: "Sequence[Conversation]",
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[False],
        **options: "Unpack[ChatOptions]",
    ) -> list[str]: ...
    @overload
    def apply_chat_template(
        self,
        conversation: "Conversation",
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[False] = False,
        return_tensors: None = None,
        **options: "Unpack[ChatOptions]",
    ) -> list[int]: ...
    @overload
    def apply_chat_template(
        self,
        conversation: "Sequence[Conversation]",
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[False] = False,
        return_tensors: None = None,
        **options: "Unpack[ChatOptions]",
    ) -> list[list[int]]: ...
    @overload
    def apply_chat_template(
        self,
        conversation: Any,
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[True],
        return_assistant_tokens_mask: bool = False,
        return_tensors: Literal["pt"],
        **options: "Unpack[ChatOptions]",
    ) -> BatchEncoding["torch.Tensor"]: ...
    @overload
    def apply_chat_template(
        self,
        conversation: Any,
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[True],
        return_assistant_tokens_mask: bool = False,
        return_tensors: Literal["np"],
        **options: "Unpack[ChatOptions]",
    ) -> BatchEncoding["NDArray[np.int64]"]: ...
    @overload
    def apply_chat_template(
        self,
        conversation: "Conversation",
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[True],
        return_assistant_tokens_mask: bool = False,
        return_tensors: None = None,
        **options: "Unpack[ChatOptions]",
    ) -> BatchEncoding[list[int]]: ...
    @overload
    def apply_chat_template(
        self,
        conversation: Any,
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[False] = False,
        return_tensors: Literal["pt"],
        **options: "Unpack[ChatOptions]",
    ) -> "torch.Tensor": ...
    @overload
    def apply_chat_template(
        self,
        conversation: Any,
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: Literal[True] = True,
        return_dict: Literal[False] = False,
        return_tensors: Literal["np"],
        **options: "Unpack[ChatOptions]",
    ) -> "NDArray[np.int64]": ...
    @overload
    def apply_chat_template(
        self,
        conversation: Any,
        tools: "Sequence[Tool] | None" = None,
        *,
        tokenize: bool = True,
        return_dict: bool = False,
        return_assistant_tokens_mask: bool = False,
        return_tensors: str | None = None,
        **options: "Unpack[ChatOptions]",
    ) -> Any: ...
    def apply_chat_template(
        self,
        conversation: Any,
        tools: Sequence[Any] | None = None,
        *,
        documents: Sequence[Any] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        tokenize: bool = True,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_dict: bool = False,
        return_assistant_tokens_mask: bool = False,
        trust_content: bool = False,
        sanitize_control_tokens: bool | None = None,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **variables: Any,
    ) -> Any:
        """A conversation, or a list of them, as the model was taught to read it.

        Returns ids: a list, or with `return_tensors` a (batch, time) tensor; with `return_dict=True` a BatchEncoding;
        with `tokenize=False` the text. `return_assistant_tokens_mask` adds `assistant_masks`: 1 for each token of which
        the template's generation blocks wrote a part. `tools` are functions with type hints and docstrings, or JSON
        schemas. `chat_template` is the name of one of the tokenizer's templates or a template itself. Other keywords
        are variables of the template, such as `enable_thinking`; one that the template does not read is ArgumentError.

        A special token is one only where the template wrote it: in a message, a tool or a document it is ordinary text.
        `trust_content=True` (or `sanitize_control_tokens=False`) takes special tokens from everywhere, as transformers
        does. `tokenizer_kwargs` are arguments of the call that makes ids.
        """
        conversations, several = chat.conversations_of(conversation)
        if return_assistant_tokens_mask and not (tokenize and return_dict):
            raise ArgumentError("return_assistant_tokens_mask needs return_dict=True and tokenize=True")
        source = self.get_chat_template(chat_template, tools)
        template = self._template(source)
        if return_assistant_tokens_mask:
            _check_marks(template)
        asked = chat.request(
            source, template, self.special_tokens_map, variables, tools=tools, documents=documents,
            add_generation_prompt=add_generation_prompt, continue_final_message=continue_final_message,
            trust_content=_trusts(trust_content, sanitize_control_tokens),
            arguments=names_of(Conversations.apply_chat_template),
        )  # fmt: skip
        rendered = [chat.render(asked, messages) for messages in conversations]
        texts = [each.text for each in rendered]
        if not tokenize:
            _only_for_ids(padding, truncation, max_length, return_tensors, return_dict or bool(tokenizer_kwargs))
            return texts if several else texts[0]
        call: Callable[..., BatchEncoding[Any]] = self
        out = call(
            texts if several else texts[0], add_special_tokens=False, padding=padding, truncation=truncation,
            max_length=max_length, return_tensors=return_tensors, tokenizer_kwargs=tokenizer_kwargs,
        )  # fmt: skip
        if return_assistant_tokens_mask:
            masks = tensors.of_rows(_assistant_masks(out, rendered), tensors.kind_of(return_tensors))
            out["assistant_masks"] = masks if several or return_tensors else masks[0]
        return out if return_dict else out["input_ids"]

    def get_chat_template(self, chat_template: str | None = None, tools: Sequence[Any] | None = None) -> str:
        """The template that a conversation would use: named, given, or the tokenizer's own."""
        named = self.chat_template
        if chat_template is not None and not isinstance(chat_template, str):
            raise ArgumentError(
                f"chat_template must be the name of a template or one itself, found {chat_template!r:.60}"
            )
        if isinstance(named, Mapping):
            if chat_template is None:
                chat_template = "tool_use" if tools is not None and "tool_use" in named else "default"
                if chat_template not in named:
                    raise ArgumentError(f"no chat template is the default; choose one of {', '.join(sorted(named))}")
            return named.get(chat_template, chat_template)
        if chat_template is not None:
            return chat_template
        if named is None:
            raise ArgumentError(
                f"{self.name_or_path or 'this tokenizer'} has no chat template: it may be a base model, not made to "
                "chat; set tokenizer.chat_template or pass chat_template="
            )
        return named

    def _template(self, source: str) -> _core.Template:
        template = self._compiled.get(source)
        if template is None:
            template = _core.Template(source)
            # One conversation after another uses the same template: remembering the last is enough.
            self._compiled = {source: template}
        return template


def _check_marks(template: _core.Template) -> None:
    if not template.has_generation:
        raise ArgumentError(
            "return_assistant_tokens_mask: the chat template does not mark what the assistant says with "
            "{% generation %}; pass a chat_template that does"
        )


def _trusts(trust_content: bool, sanitize: bool | None) -> bool:
    if trust_content and sanitize:
        raise ArgumentError("trust_content=True and sanitize_control_tokens=True contradict; pass one of them")
    return trust_content or sanitize is False


def _assistant_masks(encoded: BatchEncoding, rendered: Sequence[chat.Rendered]) -> list[list[int]]:
    rows = zip(encoded.encodings or (), rendered, strict=True)
    return [chat.assistant_mask(known.offsets, each.generation) for known, each in rows]


def _only_for_ids(
    padding: bool | str, truncation: bool | str, max_length: int | None, return_tensors: Any, return_dict: bool
) -> None:
    passed = {
        "padding": padding,
        "truncation": truncation,
        "max_length": max_length is not None,
        "return_tensors": return_tensors is not None,
        "return_dict": return_dict,
    }
    idle = [name for name, value in passed.items() if value]
    if idle:
        raise ArgumentError(f"{' and '.join(idle)} would have no effect with tokenize=False, which returns text")
