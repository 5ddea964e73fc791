"""AutoConfig, AutoTokenizer and AutoModelForCausalLM: from a model's name or path to what it says it is."""

import os
from typing import TYPE_CHECKING, Any, Literal, Unpack

from litz import hub
from litz.arguments.mistaken import check_source
from litz.errors import ArgumentError, UnsupportedError
from litz.models.refused import absent_maker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litz.arguments.keywords import ConfigOptions, LoadingOptions, TokenizerSettings
    from litz.config import Config
    from litz.generation import GenerationConfig
    from litz.models.native import NativeCausalLM
    from litz.tokenizers import Tokenizer

Path = str | os.PathLike[str]


class _Maker:
    """A class that makes nothing by itself: its from_pretrained does."""

    def __init__(self, *_: Any, **__: Any) -> None:
        name = type(self).__name__
        raise ArgumentError(f"{name}(...) makes nothing: call {name}.from_pretrained with the name or path of a model")

    register = staticmethod(absent_maker("register", "files are data, and the known families are built in"))


class AutoConfig(_Maker):
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
        **others: "Unpack[ConfigOptions]",
    ) -> "Config":
        """The model's configuration over its family's defaults.

        `subfolder` is a folder inside the model's. `others` with the name of one of its keys change it.
        `trust_remote_code` is accepted and never acted on: files are data. Raises UnsupportedError for an unknown
        model_type, ArgumentError for an unknown name.
        """
        from litz.arguments import CONFIGURATION, names_of
        from litz.checkpoint import read_config
        from litz.models.overrides import changed

        check_source(pretrained_model_name_or_path, "AutoConfig.from_pretrained")
        read = read_config(hub.resolve(
            pretrained_model_name_or_path, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir,
            local_files_only=local_files_only, token=token, want="config", subfolder=subfolder,
        ))  # fmt: skip
        return changed(read, others, known=CONFIGURATION, own=names_of(AutoConfig.from_pretrained))


class AutoTokenizer(_Maker):
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
        **settings: "Unpack[TokenizerSettings]",
    ) -> "Tokenizer":
        """The model's tokenizer, chat template included.

        `settings` are keys of tokenizer_config.json, such as `pad_token`, `padding_side`, `model_max_length`,
        `extra_special_tokens`, `add_eos_token` or `legacy`: they count before the files, and one that means nothing is
        ArgumentError. `trust_remote_code` is accepted and never acted on: files are data.
        """
        from litz.tokenizers import from_pretrained

        check_source(pretrained_model_name_or_path, "AutoTokenizer.from_pretrained")
        return from_pretrained(
            pretrained_model_name_or_path, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir,
            local_files_only=local_files_only, token=token, use_fast=use_fast, trust_remote_code=trust_remote_code,
            subfolder=subfolder, **settings,
        )  # fmt: skip


class AutoModelForCausalLM(_Maker):
    """Loads a causal language model of any known family."""

    from_config = staticmethod(absent_maker("from_config", "litz makes no random weights: use from_pretrained"))

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
        backend: Literal["auto", "native"] = "auto",
        threads: int | None = None,
        cache_dtype: Any = "auto",
        activations: Literal["auto", "fast", "f32", "float32"] = "auto",
        strict: bool = True,
        config: "Path | Config | Mapping[str, Any] | None" = None,
        generation_config: "GenerationConfig | None" = None,
        **others: "Unpack[LoadingOptions]",
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
        from litz.arguments import check_device, names_of
        from litz.checkpoint import open_checkpoint
        from litz.generation.run import check_config
        from litz.models import native
        from litz.models.overrides import chosen_config

        check_source(pretrained_model_name_or_path, "AutoModelForCausalLM.from_pretrained")
        check_config(generation_config)
        if dtype is not None and torch_dtype is not None and str(dtype) != str(torch_dtype):
            raise ArgumentError(f"dtype={dtype!r} and torch_dtype={torch_dtype!r} differ; pass one of them")
        if backend not in ("auto", "native"):
            raise UnsupportedError(f"backend {backend!r}: this release has the native one; pass 'auto' or 'native'")
        check_device(device_map, "device_map")
        files = hub.resolve(
            pretrained_model_name_or_path, revision=revision, gguf_file=gguf_file, cache_dir=cache_dir,
            local_files_only=local_files_only, token=token, want="model", subfolder=subfolder,
        )  # fmt: skip
        chosen = chosen_config(files, config, others=others, own=names_of(AutoModelForCausalLM.from_pretrained))
        checkpoint = open_checkpoint(files, strict=strict, config=chosen)
        model = native.load(
            checkpoint, dtype=dtype or torch_dtype, threads=threads, cache_dtype=cache_dtype, activations=activations
        )
        if generation_config is not None:
            model.generation_config = generation_config
        return model
