"""The special tokens that a GGUF header names, which stand for the `generation_config.json` that such a file lacks."""

from pathlib import Path
from typing import Any

from litz import _core

_KEYS = {"bos_token_id": "bos_token_id", "pad_token_id": "padding_token_id"}
_ENDS = ("eos_token_id", "eot_token_id", "eom_token_id")
# Headers of chat models often name only the end of text: these tokens end a turn wherever a vocabulary has them.
_END_OF_TURN = frozenset(("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>"))


def special_tokens(path: Path) -> dict[str, Any]:
    """bos, eos and pad ids; a chat model's ends of turn count as eos."""
    file = _core.TensorFile(str(path))
    metadata = file.metadata()

    def read(key: str) -> int | None:
        value = metadata.get(f"tokenizer.ggml.{key}")
        return value if isinstance(value, int) else None

    found: dict[str, Any] = {name: read(key) for name, key in _KEYS.items()}
    ends = [read(key) for key in _ENDS]
    if "tokenizer.chat_template" in metadata:
        vocabulary = file.metadata_array("tokenizer.ggml.tokens") or ()
        ends += [token for token, text in enumerate(vocabulary) if text in _END_OF_TURN]
    found["eos_token_id"] = list(dict.fromkeys(end for end in ends if end is not None)) or None
    return found
