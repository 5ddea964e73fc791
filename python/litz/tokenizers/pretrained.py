"""`from_pretrained`: the tokenizer of a model."""

import os
from typing import TYPE_CHECKING, Unpack

from litz.hub.where import with_where_signature
from litz.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from litz.arguments.keywords import TokenizerOptions

Path = str | os.PathLike[str]


@with_where_signature
def from_pretrained(
    source: Path, *, use_fast: bool = True, kind: type[Tokenizer] = Tokenizer, **options: "Unpack[TokenizerOptions]"
) -> Tokenizer:
    """The tokenizer of a model, from its tokenizer.json, its GGUF file or another vocabulary that is there.

    `options` say where the model is, as in `hub.where.Where`, or are keys of tokenizer_config.json, such as
    `pad_token`, `padding_side`, `model_max_length`, `extra_special_tokens`, `add_eos_token` or `legacy`: they count
    before the files. A token that the vocabulary lacks is added to it. `use_fast=False` takes the backend in plain
    Python, which is there to be read; its results are the same.
    """
    return kind.from_pretrained(source, use_fast=use_fast, **options)
