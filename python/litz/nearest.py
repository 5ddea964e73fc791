"""Suggestions for misspelt names."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name most similar to this one; None if none reaches `cutoff`, from 0 (any) to 1 (equal)."""
    from difflib import get_close_matches  # where nothing is misspelt it is not needed

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)
