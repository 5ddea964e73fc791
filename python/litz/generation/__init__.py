"""Generation: parameters and their origins, the run, streamers. The loop itself is in the Rust core.

Nothing is imported until it is used: the command line reads the table of parameters without the core.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litz._core import SequenceStore
    from litz.generation.config import GenerationConfig
    from litz.generation.executor import Executor, GenerativeModel, StatelessExecutor
    from litz.generation.explain import Explanation, explain_generation
    from litz.generation.outputs import GenerationOutput, Token
    from litz.generation.parameters import GenerationParameters
    from litz.generation.run import check_token_types, generate, stream
    from litz.generation.streamers import BaseStreamer, TextIteratorStreamer, TextStreamer

__all__ = [
    "BaseStreamer",
    "Executor",
    "Explanation",
    "GenerationConfig",
    "GenerationOutput",
    "GenerationParameters",
    "GenerativeModel",
    "SequenceStore",
    "StatelessExecutor",
    "TextIteratorStreamer",
    "TextStreamer",
    "Token",
    "check_token_types",
    "explain_generation",
    "generate",
    "stream",
]

# module -> the public names that it defines
_NAMES = {
    "config": "GenerationConfig",
    "executor": "Executor GenerativeModel SequenceStore StatelessExecutor",
    "explain": "Explanation explain_generation",
    "outputs": "GenerationOutput Token",
    "parameters": "GenerationParameters",
    "run": "check_token_types generate stream",
    "streamers": "BaseStreamer TextIteratorStreamer TextStreamer",
}

if not TYPE_CHECKING:  # for type checkers, a name that is not imported above is none

    def __getattr__(name: str) -> object:
        from importlib import import_module

        home = next((module for module, names in _NAMES.items() if name in names.split()), None)
        if home is None:
            raise AttributeError(f"module 'litz.generation' has no attribute {name!r}")
        value = getattr(import_module(f"litz.generation.{home}"), name)
        globals()[name] = value
        return value
