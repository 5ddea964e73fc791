"""The tokenizer backend in plain Python that reads like a textbook: `use_fast=False`, and the oracle of the tests.

Read in this order: tokenizer (the whole way), text (characters with their origins), added_tokens,
normalizers, pre_tokenizers, the models (bpe, word_piece, unigram, word_level), post_processors, decoders.
"""

from litz.tokenizers.python_backend.encoding import Encoding
from litz.tokenizers.python_backend.stream import DecodeStream
from litz.tokenizers.python_backend.tokenizer import PythonTokenizer

__all__ = ["DecodeStream", "Encoding", "PythonTokenizer"]
