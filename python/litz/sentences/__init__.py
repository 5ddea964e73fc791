"""Vectors of sentences: what sentence-transformers folders say of them, and the encoder that computes them."""

from litz.sentences.encoder import SentenceEncoder

__all__ = ["SentenceEncoder"]
