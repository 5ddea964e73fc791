"""Tokenizers: text to ids and back, batches with padding, conversations by chat template."""

from typing import TYPE_CHECKING, Any

from litz.tokenizers.added_token import AddedToken
from litz.tokenizers.classes import (
    BertTokenizer,
    BertTokenizerFast,
    CodeGenTokenizer,
    CodeGenTokenizerFast,
    GemmaTokenizer,
    GemmaTokenizerFast,
    GPT2Tokenizer,
    GPT2TokenizerFast,
    GPTNeoXTokenizer,
    GPTNeoXTokenizerFast,
    LlamaTokenizer,
    LlamaTokenizerFast,
    Qwen2Tokenizer,
    Qwen2TokenizerFast,
    RobertaTokenizer,
    RobertaTokenizerFast,
    T5Tokenizer,
    T5TokenizerFast,
)
from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.pretrained import from_pretrained
from litz.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from litz.tokenizers.chat.schema import get_json_schema
    from litz.tokenizers.training import BpeTrainer, UnigramTrainer, WordLevelTrainer, WordPieceTrainer, train

# Its names in programs written for transformers.
PreTrainedTokenizerBase = Tokenizer
PreTrainedTokenizerFast = Tokenizer
PreTrainedTokenizer = Tokenizer

__all__ = [
    "AddedToken",
    "BatchEncoding",
    "BertTokenizer",
    "BertTokenizerFast",
    "BpeTrainer",
    "CodeGenTokenizer",
    "CodeGenTokenizerFast",
    "GPT2Tokenizer",
    "GPT2TokenizerFast",
    "GPTNeoXTokenizer",
    "GPTNeoXTokenizerFast",
    "GemmaTokenizer",
    "GemmaTokenizerFast",
    "LlamaTokenizer",
    "LlamaTokenizerFast",
    "PreTrainedTokenizer",
    "PreTrainedTokenizerBase",
    "PreTrainedTokenizerFast",
    "Qwen2Tokenizer",
    "Qwen2TokenizerFast",
    "RobertaTokenizer",
    "RobertaTokenizerFast",
    "T5Tokenizer",
    "T5TokenizerFast",
    "Tokenizer",
    "UnigramTrainer",
    "WordLevelTrainer",
    "WordPieceTrainer",
    "from_pretrained",
    "get_json_schema",
    "train",
]

_TRAINING = frozenset(("BpeTrainer", "UnigramTrainer", "WordLevelTrainer", "WordPieceTrainer", "train"))


def __getattr__(name: str) -> Any:
    """Training and schemas are imported when they are used."""
    if name in _TRAINING:
        from litz.tokenizers import training

        return getattr(training, name)
    if name == "get_json_schema":
        from litz.tokenizers.chat.schema import get_json_schema

        return get_json_schema
    raise AttributeError(f"module 'litz.tokenizers' has no attribute {name!r}")
