"""Tokenizers: text to ids and back, batches with padding, conversations by chat template."""

from litz.tokenizers.encoding import BatchEncoding
from litz.tokenizers.loading import from_pretrained
from litz.tokenizers.schema import get_json_schema
from litz.tokenizers.tokenizer import Tokenizer

__all__ = ["BatchEncoding", "Tokenizer", "from_pretrained", "get_json_schema"]
