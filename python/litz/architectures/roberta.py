"""RoBERTa: BERT whose positions are counted from the padding's row on, and whose heads are called otherwise."""

from dataclasses import replace

from litz.architectures import bert
from litz.architectures.encoder_heads import ROBERTA_TASKS
from litz.architectures.encoders import BERT, bert_like, counted_from_padding
from litz.config import Keys
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    return counted_from_padding(bert_like(c), c.count("pad_token_id"))


DEFAULTS = {**bert.FAMILY.defaults, "pad_token_id": 1, "vocab_size": 50265}
FAMILY = replace(bert.FAMILY, defaults=DEFAULTS, spec=spec, names=BERT, prefixes=("roberta.",), tasks=ROBERTA_TASKS)
