"""Training: from a corpus to a tokenizer, with the results of the `tokenizers` library.

trainers (their settings), presets (well-known components), corpus (texts to the core), vocabulary (the result).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litz import _core
from litz.tokenizers.defaults import Settings
from litz.tokenizers.tokenizer import Tokenizer
from litz.tokenizers.training import presets
from litz.tokenizers.training.corpus import Corpus
from litz.tokenizers.training.presets import Component, byte_alphabet
from litz.tokenizers.training.trainers import (
    BpeTrainer,
    Trainer,
    UnigramTrainer,
    WordLevelTrainer,
    WordPieceTrainer,
)
from litz.tokenizers.training.vocabulary import MEMORY, learn

__all__ = ["BpeTrainer", "UnigramTrainer", "WordLevelTrainer", "WordPieceTrainer", "byte_alphabet", "train"]


def train(
    corpus: Corpus,
    trainer: Trainer,
    *,
    preset: str | None = None,
    normalizer: Component | None = None,
    pre_tokenizer: Component | None = None,
    decoder: Component | None = None,
    post_processor: Component | None = None,
    model: Mapping[str, Any] | None = None,
    length: int | None = None,
    threads: int | None = None,
    memory: int = MEMORY,
) -> Tokenizer:
    """A tokenizer trained on a corpus: texts, lists of texts, or paths of files whose lines are texts.

    Components are written as in tokenizer.json; `preset` ("gpt2", "llama3", "bert" or "sentencepiece") gives those
    that are not passed, and every byte a token where words are bytes. `model` holds settings of the model itself, such
    as `unk_token`. The corpus is streamed: words that are being counted take at most `memory` bytes and go to temporary
    files beyond that; each different word once, and what the trainer makes of it, must fit besides. The result depends
    on neither `memory` nor `threads`.
    """
    around = presets.preset(preset) if preset is not None else presets.Preset()
    if preset is not None and around.byte_level and not getattr(trainer, "initial_alphabet", True):
        trainer = replace(trainer, initial_alphabet=byte_alphabet())  # type: ignore[call-arg]  # those that have one
    file: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": around.normalizer if normalizer is None else normalizer,
        "pre_tokenizer": around.pre_tokenizer if pre_tokenizer is None else pre_tokenizer,
        "post_processor": around.post_processor if post_processor is None else post_processor,
        "decoder": around.decoder if decoder is None else decoder,
        "model": {"type": trainer.model, **(model or {})},
    }
    data = learn(file, corpus, trainer, length=length, threads=threads, memory=memory)
    return Tokenizer.of(_core.Tokenizer.from_json(data), Settings(), json=data)
