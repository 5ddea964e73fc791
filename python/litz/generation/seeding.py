"""set_seed: for scripts that seed everything at once."""

import random
import sys
import warnings

from litz.numbers import integer


def set_seed(seed: int) -> None:
    """Seeds Python's random, and numpy and torch where they are imported; warns that generation takes its own seed.

    litz keeps no global random state: `generate(seed=...)`, `stream` and pipelines draw repeatably.
    """
    number = integer(seed, "seed", most=2**32 - 1)
    random.seed(number)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(number)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(number)
    warnings.warn(
        "set_seed does not seed litz's generation: pass seed= to generate, stream or a pipeline", stacklevel=2
    )
