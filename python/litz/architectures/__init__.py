"""One small file a family: how its configuration becomes a Spec, and how its tensors are called."""

from importlib import import_module

from litz.architectures.base import Family
from litz.errors import UnsupportedError

# model_type -> the file that describes it
MODEL_TYPES = {
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3": "gemma3",
    "gemma3_text": "gemma3",
    "llama": "llama",
    "mistral": "mistral",
    "phi3": "phi3",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "smollm3": "smollm3",
}


def family(model_type: object) -> Family:
    """The family of a model type; UnsupportedError lists the known ones."""
    if not isinstance(model_type, str) or model_type not in MODEL_TYPES:
        raise UnsupportedError(f"model_type {model_type!r} is not implemented; litz knows {', '.join(MODEL_TYPES)}")
    found: Family = import_module(f"litz.architectures.{MODEL_TYPES[model_type]}").FAMILY
    return found
