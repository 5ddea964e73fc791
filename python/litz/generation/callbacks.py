"""Names of transformers' Python callbacks, for code that builds lists of them; `generate` takes none."""

from typing import Any

from litz.errors import UnsupportedError


class LogitsProcessor:
    """The base of processors; UnsupportedError where one is used: every token is chosen in Rust."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Subclasses override it."""
        raise UnsupportedError(f"{type(self).__name__} does not say how it processes scores")


class LogitsProcessorList(list[Any]):
    """A list of processors; an empty one is accepted by `generate`."""


class StoppingCriteria:
    """The base of criteria; UnsupportedError where one is used: see stop_strings, eos_token_id and max_time."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Subclasses override it."""
        raise UnsupportedError(f"{type(self).__name__} does not say when it stops")


class StoppingCriteriaList(list[Any]):
    """A list of criteria; an empty one is accepted by `generate`."""
