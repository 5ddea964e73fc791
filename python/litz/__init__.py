"""litz: load, tokenize, generate and chat, with the names known from transformers.

Nothing is imported until it is used: `import litz` costs milliseconds. Its log is `logging.getLogger("litz")`.
"""

TYPE_CHECKING = False  # type checkers take a variable of this name as true; typing's own takes 8 ms to import
if TYPE_CHECKING:
    from litz import errors
    from litz.config import Config
    from litz.generation import GenerationConfig, TextIteratorStreamer, TextStreamer
    from litz.generation.async_streamer import AsyncTextIteratorStreamer
    from litz.generation.callbacks import (
        LogitsProcessor,
        LogitsProcessorList,
        StoppingCriteria,
        StoppingCriteriaList,
    )
    from litz.generation.seeding import set_seed
    from litz.models.auto import (
        AutoConfig,
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        AutoModelForMultipleChoice,
        AutoModelForQuestionAnswering,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
    )
    from litz.models.encoder import NativeEncoder
    from litz.models.native import NativeCausalLM
    from litz.models.outputs import CausalLMOutput
    from litz.pipelines import pipeline
    from litz.sentences import SentenceEncoder
    from litz.spec import Spec
    from litz.tokenizers import (
        AddedToken,
        BatchEncoding,
        BertTokenizer,
        BertTokenizerFast,
        CodeGenTokenizer,
        CodeGenTokenizerFast,
        GemmaTokenizer,
        GemmaTokenizerFast,
        GPT2Tokenizer,
        GPT2TokenizerFast,
        GPTNeoXTokenizer,
        GPTNeoXTokenizerFast,
        LlamaTokenizer,
        LlamaTokenizerFast,
        PreTrainedTokenizer,
        PreTrainedTokenizerBase,
        PreTrainedTokenizerFast,
        Qwen2Tokenizer,
        Qwen2TokenizerFast,
        RobertaTokenizer,
        RobertaTokenizerFast,
        T5Tokenizer,
        T5TokenizerFast,
        Tokenizer,
    )

__version__ = "0.1.0"

__all__ = [
    "AddedToken",
    "AsyncTextIteratorStreamer",
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForMaskedLM",
    "AutoModelForMultipleChoice",
    "AutoModelForQuestionAnswering",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoTokenizer",
    "BatchEncoding",
    "BertTokenizer",
    "BertTokenizerFast",
    "CausalLMOutput",
    "CodeGenTokenizer",
    "CodeGenTokenizerFast",
    "Config",
    "GPT2Tokenizer",
    "GPT2TokenizerFast",
    "GPTNeoXTokenizer",
    "GPTNeoXTokenizerFast",
    "GemmaTokenizer",
    "GemmaTokenizerFast",
    "GenerationConfig",
    "LlamaTokenizer",
    "LlamaTokenizerFast",
    "LogitsProcessor",
    "LogitsProcessorList",
    "NativeCausalLM",
    "NativeEncoder",
    "PreTrainedTokenizer",
    "PreTrainedTokenizerBase",
    "PreTrainedTokenizerFast",
    "Qwen2Tokenizer",
    "Qwen2TokenizerFast",
    "RobertaTokenizer",
    "RobertaTokenizerFast",
    "SentenceEncoder",
    "Spec",
    "StoppingCriteria",
    "StoppingCriteriaList",
    "T5Tokenizer",
    "T5TokenizerFast",
    "TextIteratorStreamer",
    "TextStreamer",
    "Tokenizer",
    "__version__",
    "errors",
    "pipeline",
    "set_seed",
]

# module -> the public names that it defines
_NAMES = {
    "litz.models.auto": """AutoConfig AutoModel AutoModelForCausalLM AutoModelForMaskedLM AutoModelForMultipleChoice
        AutoModelForQuestionAnswering AutoModelForSequenceClassification AutoModelForTokenClassification
        AutoTokenizer""",
    "litz.models.encoder": "NativeEncoder",
    "litz.config": "Config",
    "litz.generation": "GenerationConfig TextIteratorStreamer TextStreamer",
    "litz.generation.async_streamer": "AsyncTextIteratorStreamer",
    "litz.generation.callbacks": "LogitsProcessor LogitsProcessorList StoppingCriteria StoppingCriteriaList",
    "litz.models.native": "NativeCausalLM",
    "litz.models.outputs": "CausalLMOutput",
    "litz.pipelines": "pipeline",
    "litz.generation.seeding": "set_seed",
    "litz.sentences": "SentenceEncoder",
    "litz.spec": "Spec",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

if not TYPE_CHECKING:  # for type checkers, a name that is not imported above is none

    def _is_module(name: str) -> bool:
        from os.path import exists

        return any(exists(f"{folder}/{name}{end}") for folder in __path__ for end in (".py", "/__init__.py"))

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "errors":
            return import_module("litz.errors")
        if name not in __all__:
            if name.startswith("_") or _is_module(name):  # import statements look names up before they import
                raise AttributeError(f"module 'litz' has no attribute {name!r}")
            from litz.arguments.missing_names import refusal

            raise refusal(name)
        value = getattr(import_module(_HOME.get(name, "litz.tokenizers")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
