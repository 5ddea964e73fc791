"""The special tokens of a GGUF header, in place of the `generation_config.json` that such a file lacks."""

from pathlib import Path
from typing import Any

from litz import _core
from litz.gguf_ids import special_ids

# Headers of chat models often name only the end of text: these tokens end a turn wherever a vocabulary has them.
_END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>")


def special_tokens(path: Path) -> dict[str, Any]:
    """bos, eos and pad ids; a chat model's ends of turn count as eos."""
    file = _core.TensorFile(str(path))
    ids = special_ids(file)
    ends = [ids[name] for name in ("eos", "eot", "eom") if name in ids]
    if "tokenizer.chat_template" in file.metadata():
        ends += file.find_texts("tokenizer.ggml.tokens", list(_END_OF_TURN))
    return {
        "bos_token_id": ids.get("bos"),
        "pad_token_id": ids.get("pad"),
        "eos_token_id": list(dict.fromkeys(ends)) or None,
    }
