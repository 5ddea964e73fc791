"""One small file a family: how its configuration becomes a Spec, and how its tensors are called."""

from importlib import import_module

from litz.architectures.base import Family
from litz.errors import UnsupportedError

# model_type -> the file that describes it
MODEL_TYPES = {
    "albert": "albert",
    "bert": "bert",
    "bloom": "bloom",
    "camembert": "camembert",
    "cohere": "cohere",
    "distilbert": "distilbert",
    "electra": "electra",
    "ernie": "ernie",
    "eurobert": "eurobert",
    "falcon": "falcon",
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3": "gemma3",
    "gemma3_text": "gemma3",
    "gpt2": "gpt2",
    "gpt_neox": "gpt_neox",
    "gpt_oss": "gpt_oss",
    "granite": "granite",
    "jina_embeddings_v3": "jina_embeddings_v3",
    "lfm2": "lfm2",
    "llama": "llama",
    "mistral": "mistral",
    "mixtral": "mixtral",
    "modernbert": "modernbert",
    "mpnet": "mpnet",
    "nomic_bert": "nomic_bert",
    "olmo2": "olmo2",
    "opt": "opt",
    "phi": "phi",
    "phi3": "phi3",
    "qwen2": "qwen2",
    "qwen2_moe": "qwen2_moe",
    "qwen3": "qwen3",
    "qwen3_moe": "qwen3_moe",
    "RefinedWeb": "refined_web",
    "RefinedWebModel": "falcon",
    "roberta": "roberta",
    "smollm3": "smollm3",
    "stablelm": "stablelm",
    "starcoder2": "starcoder2",
    "xlm-roberta": "xlm_roberta",
}


def family(model_type: object) -> Family:
    """The family of a model type; UnsupportedError lists the known ones."""
    if not isinstance(model_type, str) or model_type not in MODEL_TYPES:
        known = ", ".join(MODEL_TYPES)
        raise UnsupportedError(f"model_type {model_type!r} is not implemented; expected one of {known}")
    found: Family = import_module(f"litz.architectures.{MODEL_TYPES[model_type]}").FAMILY
    return found
