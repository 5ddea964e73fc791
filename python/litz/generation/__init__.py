"""Generation: parameters and their origins, the run, streamers. The loop itself is in the Rust core."""

from litz.generation.config import GenerationConfig
from litz.generation.explain import Explanation, explain_generation
from litz.generation.outputs import GenerationOutput, Token
from litz.generation.parameters import GenerationParameters
from litz.generation.run import check_token_types, generate, stream
from litz.generation.streamers import BaseStreamer, TextIteratorStreamer, TextStreamer

__all__ = [
    "BaseStreamer",
    "Explanation",
    "GenerationConfig",
    "GenerationOutput",
    "GenerationParameters",
    "TextIteratorStreamer",
    "TextStreamer",
    "Token",
    "check_token_types",
    "explain_generation",
    "generate",
    "stream",
]
