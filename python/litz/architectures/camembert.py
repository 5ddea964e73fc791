"""CamemBERT: RoBERTa in French."""

from dataclasses import replace

from litz.architectures import roberta

FAMILY = replace(roberta.FAMILY, defaults={**roberta.FAMILY.defaults, "vocab_size": 30522})
