"""Generation: parameters and their origins, the run, streamers. The loop itself is in the Rust core."""

from .config import GenerationConfig
from .explain import Explanation, explain_generation
from .generate import generate, stream
from .outputs import GenerationOutput, Token
from .parameters import GenerationParameters
from .streamers import AsyncTextIteratorStreamer, BaseStreamer, TextIteratorStreamer, TextStreamer

__all__ = [
    "AsyncTextIteratorStreamer",
    "BaseStreamer",
    "Explanation",
    "GenerationConfig",
    "GenerationOutput",
    "GenerationParameters",
    "TextIteratorStreamer",
    "TextStreamer",
    "Token",
    "explain_generation",
    "generate",
    "stream",
]
