"""The tables that `/show` prints about a conversation and its model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from litz.errors import LitzError

if TYPE_CHECKING:
    from litz.cli.chat.dialogue import Chat


def information(chat: "Chat") -> str:
    """The model, where it is, its size, how full the context is, the number of threads."""
    rows = list(_rows(chat))
    return "\n".join(f"{name:<12}{text}" for name, text in rows)


def tokens_used(chat: "Chat") -> int:
    """The tokens of the conversation as the template writes it; 0 before its first turn."""
    if not chat.conversation.turns:
        return 0
    engine = chat.engine
    variables = engine.template_variables
    return len(
        engine.tokenizer.apply_chat_template(chat.conversation.messages(), add_generation_prompt=True, **variables)
    )


def _rows(chat: "Chat") -> Iterator[tuple[str, str]]:
    from litz.hub.progress import size
    from litz.models.native import NativeCausalLM

    model = chat.engine.model
    yield "model", chat.model
    if (source := getattr(model, "name_or_path", "")) and source != chat.model:
        yield "source", source
    if isinstance(model, NativeCausalLM):
        yield "weights", f"{model.num_parameters():,} parameters as {model.dtype}, {size(model.get_memory_footprint())}"
    try:
        used = tokens_used(chat)
    except LitzError:  # the answer reports a template that refuses this conversation
        used = 0
    yield "context", f"{used:,} of {chat.engine.context:,} tokens used, {len(chat.conversation.turns)} messages"
    if isinstance(model, NativeCausalLM):
        yield "threads", str(model.threads)
    number = chat.recorder.number if chat.recorder is not None else None
    yield "log", "not logged" if number is None else f"conversation {number} (`litz log show {number}`)"
    yield "system", "yes (/show system)" if chat.conversation.system else "none"
