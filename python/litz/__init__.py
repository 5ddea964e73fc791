"""litz: load, tokenize, generate and chat, with the names known from transformers.

Nothing is imported until it is used: `import litz` costs milliseconds.
"""

from importlib import import_module as _import_module
from typing import Any as _Any

__version__ = "0.1.0"

# public name -> the module that defines it
_HOME = {
    "AddedToken": "litz.tokenizers",
    "AsyncTextIteratorStreamer": "litz.generation.async_streamer",
    "AutoConfig": "litz.auto",
    "AutoModelForCausalLM": "litz.auto",
    "AutoTokenizer": "litz.auto",
    "BatchEncoding": "litz.tokenizers",
    "CausalLMOutput": "litz.outputs",
    "Config": "litz.config",
    "GenerationConfig": "litz.generation",
    "LogitsProcessor": "litz.generation.callbacks",
    "LogitsProcessorList": "litz.generation.callbacks",
    "NativeCausalLM": "litz.native",
    "PreTrainedTokenizer": "litz.tokenizers",
    "PreTrainedTokenizerBase": "litz.tokenizers",
    "PreTrainedTokenizerFast": "litz.tokenizers",
    "Spec": "litz.spec",
    "StoppingCriteria": "litz.generation.callbacks",
    "StoppingCriteriaList": "litz.generation.callbacks",
    "TextIteratorStreamer": "litz.generation",
    "TextStreamer": "litz.generation",
    "Tokenizer": "litz.tokenizers",
    "pipeline": "litz.pipelines",
    "set_seed": "litz.seeding",
}
for _family in ("Bert", "CodeGen", "GPT2", "GPTNeoX", "Gemma", "Llama", "Qwen2", "Roberta", "T5"):
    _HOME |= {f"{_family}Tokenizer": "litz.tokenizers", f"{_family}TokenizerFast": "litz.tokenizers"}
_MODULES = ("errors",)

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> _Any:
    if name in _HOME:
        value = getattr(_import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return _import_module(f"litz.{name}")
    raise AttributeError(f"module 'litz' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
