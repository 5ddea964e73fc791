"""The default length of a generation: transformers' twenty new tokens."""

import warnings
from dataclasses import replace

from litz.generation.resolve import DEFAULT, Resolved

# Without a limit transformers stops after as many new tokens, and warns.
DEFAULT_NEW_TOKENS = 20


def limited(parameters: Resolved) -> Resolved:
    """The same parameters with a limit of length: max_new_tokens=20 where there is none, unless the context slides."""
    given = (parameters.get("max_new_tokens"), parameters.get("max_length"))
    if given != (None, None) or parameters.get("context") == "slide":
        return parameters
    values = {**parameters.values, "max_new_tokens": DEFAULT_NEW_TOKENS}
    return replace(parameters, values=values, origins={**parameters.origins, "max_new_tokens": DEFAULT})


def warn_if_defaulted(parameters: Resolved) -> None:
    """One warning where the limit is the default."""
    defaulted = parameters.origins.get("max_new_tokens") == DEFAULT
    if defaulted and parameters.get("max_new_tokens") == DEFAULT_NEW_TOKENS:
        warnings.warn(
            f"no length is given: generation stops after {DEFAULT_NEW_TOKENS} new tokens, as in transformers; "
            f"pass max_new_tokens",
            stacklevel=4,
        )
