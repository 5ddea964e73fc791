"""Tokenizers by the names of their families: `from_pretrained` reads any files as those of that family.

What a name changes is which keys of tokenizer_config.json act; `AutoTokenizer` takes the name that the files have.
"""

from litz.tokenizers.tokenizer import Tokenizer


class BertTokenizer(Tokenizer):
    """A tokenizer of the family of BERT: word pieces."""

    reads_as = "BertTokenizer"


class CodeGenTokenizer(Tokenizer):
    """A tokenizer of the family of CodeGen."""

    reads_as = "CodeGenTokenizer"


class GPT2Tokenizer(Tokenizer):
    """A tokenizer of the family of GPT-2: byte-level BPE."""

    reads_as = "GPT2Tokenizer"


class GPTNeoXTokenizer(Tokenizer):
    """A tokenizer of the family of GPT-NeoX."""

    reads_as = "GPTNeoXTokenizer"


class GemmaTokenizer(Tokenizer):
    """A tokenizer of the family of Gemma."""

    reads_as = "GemmaTokenizer"


class LlamaTokenizer(Tokenizer):
    """A tokenizer of the family of Llama: SentencePiece's BPE with byte pieces."""

    reads_as = "LlamaTokenizer"


class Qwen2Tokenizer(Tokenizer):
    """A tokenizer of the family of Qwen2."""

    reads_as = "Qwen2Tokenizer"


class RobertaTokenizer(Tokenizer):
    """A tokenizer of the family of RoBERTa."""

    reads_as = "RobertaTokenizer"


class T5Tokenizer(Tokenizer):
    """A tokenizer of the family of T5: SentencePiece's Unigram."""

    reads_as = "T5Tokenizer"


BertTokenizerFast = BertTokenizer
CodeGenTokenizerFast = CodeGenTokenizer
GPT2TokenizerFast = GPT2Tokenizer
GPTNeoXTokenizerFast = GPTNeoXTokenizer
GemmaTokenizerFast = GemmaTokenizer
LlamaTokenizerFast = LlamaTokenizer
Qwen2TokenizerFast = Qwen2Tokenizer
RobertaTokenizerFast = RobertaTokenizer
T5TokenizerFast = T5Tokenizer
