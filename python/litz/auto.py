"""AutoConfig, AutoTokenizer and AutoModelForCausalLM: from a model's name or path to what it says it is."""

import os
from typing import TYPE_CHECKING, Any

from litz import hub
from litz.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from litz.config import Config
    from litz.generation import GenerationConfig
    from litz.native import NativeCausalLM
    from litz.tokenizers import Tokenizer

Path = str | os.PathLike[str]


class AutoConfig:
    """Reads `config.json` or a GGUF header."""

    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: Path,
        *,
        revision: str | None = None,
        gguf_file: str | None = None,
        cache_dir: Path | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        trust_remote_code: bool = False,
        subfolder: str | None = None,
        **others: Any,
    ) -> "Config":
        """The model's configuration over its family's defaults.

        `subfolder` is a folder inside the model's. `others` with the name of one of its keys change it.
        `trust_remote_code` is accepted and never acted on: files are data. Raises UnsupportedError for an unknown
        model_type, ArgumentError for an unknown name.
        """
        from litz.arguments import CONFIGURATION
        from litz.checkpoint import read_config
        from litz.overrides import changed

        read = read_config(hub.resolve(
            pretrained_model_name_or_path, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir,
            local_files_only=local_files_only, token=token, want="config", subfolder=subfolder,
        ))  # fmt: skip
        return changed(read, others, known=CONFIGURATION)


class AutoTokenizer:
    """Reads `tokenizer.json`, another file of a vocabulary, or that of a GGUF file."""

    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: Path,
        *,
        revision: str | None = None,
        gguf_file: str | None = None,
        cache_dir: Path | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        use_fast: bool = True,
        trust_remote_code: bool = False,
        subfolder: str | None = None,
        **settings: Any,
    ) -> "Tokenizer":
        """The model's tokenizer, chat template included.

        `settings` are keys of tokenizer_config.json, such as `pad_token`, `padding_side`, `model_max_length`,
        `extra_special_tokens`, `add_eos_token` or `legacy`: they count before the files, and one that means nothing is
        ArgumentError. `trust_remote_code` is accepted and never acted on: files are data.
        """
        from litz.tokenizers import from_pretrained

        return from_pretrained(
            pretrained_model_name_or_path, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir,
            local_files_only=local_files_only, token=token, use_fast=use_fast, trust_remote_code=trust_remote_code,
            subfolder=subfolder, **settings,
        )  # fmt: skip


class AutoModelForCausalLM:
    """Loads a causal language model of any known family."""

    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: Path,
        *,
        revision: str | None = None,
        gguf_file: str | None = None,
        cache_dir: Path | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        trust_remote_code: bool = False,
        subfolder: str | None = None,
        dtype: Any = None,
        torch_dtype: Any = None,
        device_map: Any = None,
        backend: str = "auto",
        threads: int | None = None,
        cache_dtype: str = "auto",
        activations: str = "auto",
        strict: bool = True,
        config: Any = None,
        generation_config: "GenerationConfig | None" = None,
        **others: Any,
    ) -> "NativeCausalLM":
        """The model on the native engine: floats mapped as they are stored, quantised weights packed for the kernels.

        `dtype` (or the older `torch_dtype`): "auto" or the stored dtype keeps the weights; float32 makes exact copies.
        `device_map`: "cpu" or "auto". `threads`: how many to compute with (default: LITZ_NUM_THREADS, else the physical
        cores that this process may use). `cache_dtype`: float16, float32 or q8_0 for the KV cache; "auto" is float32
        beside float32 weights, else float16. `activations`: "auto" is exact to 16 bits beside quantised weights and
        full floats beside others; "fast" rounds more, "f32" nothing. `strict=False` lets unknown configuration keys
        pass with a warning. `trust_remote_code` is accepted and never acted on: files are data. `config`: a
        configuration, or where one is, instead of the model's own; `generation_config`: likewise. `others` with the
        name of a configuration's key change it; other arguments of transformers' ask for nothing or are refused by
        name. Raises UnsupportedError, ArgumentError, ConfigError, WeightsError, FormatError or, before memory is taken,
        InsufficientMemoryError, each naming what is wrong.
        """
        from litz import native
        from litz.checkpoint import open_checkpoint
        from litz.overrides import chosen_config

        if dtype is not None and torch_dtype is not None and str(dtype) != str(torch_dtype):
            raise ArgumentError(f"dtype={dtype!r} and torch_dtype={torch_dtype!r} differ; pass one of them")
        if backend not in ("auto", "native"):
            raise UnsupportedError(f"backend {backend!r}: this release has the native one; pass 'auto' or 'native'")
        native.check_device(_one_device(device_map))
        files = hub.resolve(
            pretrained_model_name_or_path, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir,
            local_files_only=local_files_only, token=token, want="model", subfolder=subfolder,
        )  # fmt: skip
        checkpoint = open_checkpoint(files, strict=strict, config=chosen_config(files, config, others=others))
        model = native.load(
            checkpoint, dtype=dtype or torch_dtype, threads=threads, cache_dtype=cache_dtype, activations=activations
        )
        if generation_config is not None:
            model.generation_config = generation_config
        return model


def _one_device(device_map: Any) -> Any:
    """A device map that puts everything in one place is that place."""
    if isinstance(device_map, dict):
        places = {str(place) for place in device_map.values()}
        return places.pop() if len(places) == 1 else device_map
    return device_map
