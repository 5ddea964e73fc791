"""AutoConfig, AutoTokenizer and the Auto classes of models: each loads from a name or a path."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, Unpack

from litz import hub
from litz.arguments.mistaken import check_source
from litz.errors import ArgumentError, UnsupportedError
from litz.hub.where import split, with_where_signature
from litz.models.refused import refused_maker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litz.arguments.keywords import ConfigOptions, LoadingOptions, TokenizerOptions
    from litz.checkpoint import Checkpoint
    from litz.config import Config
    from litz.generation import GenerationConfig
    from litz.models import outputs
    from litz.models.encoder import NativeEncoder
    from litz.models.native import NativeCausalLM
    from litz.tokenizers import Tokenizer

Path = str | os.PathLike[str]
Output = TypeVar("Output", bound="outputs.ModelOutput")


class _Auto:
    """A class that makes nothing by itself: its from_pretrained does."""

    def __init__(self, *_: Any, **__: Any) -> None:
        name = type(self).__name__
        raise ArgumentError(f"{name}(...) makes nothing: call {name}.from_pretrained with the name or path of a model")

    register = staticmethod(refused_maker("register", "files are data, and the known families are built in"))


class AutoConfig(_Auto):
    """Reads `config.json` or a GGUF header."""

    @classmethod
    @with_where_signature
    def from_pretrained(cls, pretrained_model_name_or_path: Path, **options: "Unpack[ConfigOptions]") -> "Config":
        """The model's configuration over its family's defaults.

        `options` say where the model is, as in `hub.where.Where`, or change the configuration's key of that name.
        Raises UnsupportedError for an unknown model_type, ArgumentError for an unknown name.
        """
        from litz.arguments import names_of
        from litz.arguments.transformers import CONFIGURATION
        from litz.checkpoint import read_config
        from litz.models.overrides import changed

        check_source(pretrained_model_name_or_path, "AutoConfig.from_pretrained")
        where, others = split(options)
        read = read_config(hub.resolve(pretrained_model_name_or_path, want="config", **where))
        return changed(read, others, known=CONFIGURATION, own=names_of(cls.from_pretrained))


class AutoTokenizer(_Auto):
    """Reads `tokenizer.json`, another file of a vocabulary, or that of a GGUF file."""

    @classmethod
    @with_where_signature
    def from_pretrained(
        cls, pretrained_model_name_or_path: Path, *, use_fast: bool = True, **options: "Unpack[TokenizerOptions]"
    ) -> "Tokenizer":
        """The model's tokenizer, chat template included.

        `options` say where the model is, as in `hub.where.Where`, or are keys of tokenizer_config.json, such as
        `pad_token`, `padding_side`, `model_max_length`, `extra_special_tokens`, `add_eos_token` or `legacy`: they count
        before the files, and one that means nothing is ArgumentError.
        """
        from litz.tokenizers import from_pretrained

        check_source(pretrained_model_name_or_path, "AutoTokenizer.from_pretrained")
        return from_pretrained(pretrained_model_name_or_path, use_fast=use_fast, **options)


class _AutoModel(_Auto):
    """Loads a model of any known family with the head of its class."""

    head: ClassVar[str]  # a name of `heads.HEADS`
    from_config = staticmethod(refused_maker("from_config", "litz makes no random weights: use from_pretrained"))


class AutoModelForCausalLM(_AutoModel):
    """Loads a causal language model of any known family."""

    head = "language-model"

    @classmethod
    @with_where_signature
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Path,
        *,
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
        **options: "Unpack[LoadingOptions]",
    ) -> "NativeCausalLM":
        """The model on the native engine: floats mapped as they are stored, quantised weights packed for the kernels.

        `dtype` (or the older `torch_dtype`): "auto" or the stored dtype keeps the weights; float32 makes exact copies.
        `device_map`: "cpu" or "auto". `threads`: how many to compute with (default: LITZ_NUM_THREADS, else the physical
        cores that this process may use). `cache_dtype`: float16, float32 or q8_0 for the KV cache; "auto" is float32
        beside float32 weights, else float16. `activations`: "auto" is exact to 16 bits beside quantised weights and
        full floats beside others; "fast" rounds more, "f32" nothing. `strict=False` lets unknown configuration keys
        pass with a warning. `config`: a configuration, or where one is, instead of the model's own;
        `generation_config`: likewise. `options` say where the model is, as in `hub.where.Where`, or change the
        configuration's key of that name; other arguments of transformers' ask for nothing or are refused by name.
        Raises UnsupportedError, ArgumentError, ConfigError, WeightsError, FormatError or, before memory is taken,
        InsufficientMemoryError, each naming what is wrong.
        """
        from litz.generation.run import check_config
        from litz.models import native

        check_config(generation_config)
        asked = _Asked(dtype, torch_dtype, device_map, backend)
        checkpoint = _opened(cls, pretrained_model_name_or_path, asked, config=config, strict=strict, options=options)
        return native.load(
            checkpoint, dtype=asked.chosen_dtype(), threads=threads, cache_dtype=cache_dtype, activations=activations,
            generation_config=generation_config,
        )  # fmt: skip


class _AutoEncoder(_AutoModel, Generic[Output]):
    """Loads a model that is not generated from."""

    @classmethod
    @with_where_signature
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: Path,
        *,
        dtype: Any = None,
        torch_dtype: Any = None,
        device_map: Any = None,
        backend: Literal["auto", "native"] = "auto",
        threads: int | None = None,
        activations: Literal["auto", "fast", "f32", "float32"] = "auto",
        strict: bool = True,
        config: "Path | Config | Mapping[str, Any] | None" = None,
        **options: "Unpack[LoadingOptions]",
    ) -> "NativeEncoder[Output]":
        """The model on the native engine, with the head of this class; arguments as in AutoModelForCausalLM's.

        WeightsError where the files lack that head: litz makes no random weights. Tensors of other heads are not
        loaded, and listed in `load_report`.
        """
        from litz.models import encoder

        asked = _Asked(dtype, torch_dtype, device_map, backend)
        checkpoint = _opened(cls, pretrained_model_name_or_path, asked, config=config, strict=strict, options=options)
        return encoder.load(checkpoint, cls.head, dtype=asked.chosen_dtype(), threads=threads, activations=activations)


class AutoModel(_AutoEncoder["outputs.BaseModelOutputWithPooling"]):
    """Loads a model without a head: hidden states, and a pooled vector where the files have a pooler."""

    head = "hidden-states"


class AutoModelForMaskedLM(_AutoEncoder["outputs.MaskedLMOutput"]):
    """Loads an encoder that fills masks."""

    head = "masked-language-model"


class AutoModelForSequenceClassification(_AutoEncoder["outputs.SequenceClassifierOutput"]):
    """Loads a classifier of sequences."""

    head = "sequence-classification"


class AutoModelForTokenClassification(_AutoEncoder["outputs.TokenClassifierOutput"]):
    """Loads a classifier of tokens."""

    head = "token-classification"


class AutoModelForQuestionAnswering(_AutoEncoder["outputs.QuestionAnsweringModelOutput"]):
    """Loads a model that finds the first and the last token of an answer."""

    head = "question-answering"


class AutoModelForMultipleChoice(_AutoEncoder["outputs.MultipleChoiceModelOutput"]):
    """Loads a model that scores choices."""

    head = "multiple-choice"


@dataclass(frozen=True)
class _Asked:
    """How weights are to be held and where, as the caller said it."""

    dtype: Any
    torch_dtype: Any
    device_map: Any
    backend: str

    def check(self) -> None:
        """ArgumentError or UnsupportedError for what this release has not."""
        from litz.arguments import check_device

        if self.dtype is not None and self.torch_dtype is not None and str(self.dtype) != str(self.torch_dtype):
            raise ArgumentError(f"dtype={self.dtype!r} and torch_dtype={self.torch_dtype!r} differ; pass one of them")
        if self.backend not in ("auto", "native"):
            raise UnsupportedError(
                f"backend {self.backend!r}: this release has the native one; pass 'auto' or 'native'"
            )
        check_device(self.device_map, "device_map")

    def chosen_dtype(self) -> Any:
        """The one of the two names that was used."""
        return self.dtype or self.torch_dtype


def _opened(
    auto_class: type[AutoModelForCausalLM] | type[_AutoEncoder[Any]],
    source: Path,
    asked: _Asked,
    *,
    config: Any,
    strict: bool,
    options: "Mapping[str, Any]",
) -> "Checkpoint":
    """The checkpoint of a source with the head of the class, once all arguments are checked."""
    from litz.arguments import names_of
    from litz.checkpoint import open_checkpoint
    from litz.models.overrides import chosen_config

    check_source(source, f"{auto_class.__name__}.from_pretrained")
    asked.check()
    where, others = split(options)
    files = hub.resolve(source, want="model", **where)
    chosen = chosen_config(files, config, others=others, own=names_of(auto_class.from_pretrained))
    return open_checkpoint(files, head=auto_class.head, strict=strict, config=chosen)
