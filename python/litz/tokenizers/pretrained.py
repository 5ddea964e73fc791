"""`from_pretrained`: the tokenizer of a model."""

import os
from typing import TYPE_CHECKING, Unpack

from litz.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from litz.loading_options import TokenizerSettings

Path = str | os.PathLike[str]


def from_pretrained(
    source: Path, *, revision: str | None = None, gguf_file: str | None = None, cache_dir: Path | None = None,
    local_files_only: bool = False, token: str | bool | None = None, use_fast: bool = True,
    trust_remote_code: bool = False, subfolder: str | None = None, kind: type[Tokenizer] = Tokenizer,
    **settings: "Unpack[TokenizerSettings]",
) -> Tokenizer:
    """The tokenizer of a model, from its tokenizer.json, its GGUF file or another vocabulary that is there.

    `settings` are keys of tokenizer_config.json, such as `pad_token`, `padding_side`, `model_max_length`,
    `extra_special_tokens`, `add_eos_token` or `legacy`: they count before the files. A token that the vocabulary lacks
    is added to it. `subfolder` is a folder inside the model's. `trust_remote_code` is accepted and never acted on:
    files are data. `use_fast=False` takes the backend in plain Python, which is there to be read; its results are the
    same.
    """
    return kind.from_pretrained(
        source, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir, local_files_only=local_files_only,
        token=token, use_fast=use_fast, trust_remote_code=trust_remote_code, subfolder=subfolder, **settings,
    )  # fmt: skip
