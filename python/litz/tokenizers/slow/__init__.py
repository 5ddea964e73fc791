"""The slow tokenizer: what a tokenizer.json says, in plain Python that reads like the textbook.

Read in this order: tokenizer (the whole way), text (characters that know where they came from), added_tokens,
normalizers, pre_tokenizers, the models (bpe, word_piece, unigram, word_level), post_processors, decoders.
"""

from litz.tokenizers.slow.encoding import Encoding
from litz.tokenizers.slow.stream import DecodeStream
from litz.tokenizers.slow.tokenizer import Tokenizer

__all__ = ["DecodeStream", "Encoding", "Tokenizer"]
