"""Models of safetensors written as GGUF files: the inverse of reading them."""

from litz.convert.model import Description, describe
from litz.convert.passing import written

__all__ = ["Description", "describe", "written"]
