"""Models of safetensors written as GGUF files: the inverse of reading them."""

from litz.convert.model import Description, describe

__all__ = ["Description", "describe"]
