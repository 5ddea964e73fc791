"""XLM-RoBERTa: RoBERTa in many languages, with a vocabulary of SentencePiece; BGE-M3 and multilingual E5 are such."""

from dataclasses import replace

from litz.architectures import roberta

FAMILY = replace(roberta.FAMILY, defaults={**roberta.FAMILY.defaults, "vocab_size": 30522})
