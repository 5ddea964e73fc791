"""Tokenizers: text to ids and back, batches with padding, conversations by chat template."""

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
from litz.tokenizers.loading import from_pretrained
from litz.tokenizers.schema import get_json_schema
from litz.tokenizers.tokenizer import Tokenizer
from litz.tokenizers.training import BpeTrainer, UnigramTrainer, WordLevelTrainer, WordPieceTrainer, train

# The names that programs written for transformers know it by.
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
