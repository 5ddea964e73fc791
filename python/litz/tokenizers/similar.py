"""Suggestions at the end of an error about an unknown name."""

from collections.abc import Iterable


def similar(name: str, known: Iterable[str]) -> str:
    """The known names that resemble a name, as the end of an error."""
    from difflib import get_close_matches

    found = get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(found)}?" if found else ""
