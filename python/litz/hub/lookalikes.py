"""A test for words that look like a model's name: such a word alone is not a prompt."""

import re

from litz.hub.known import KNOWN, nearest_known

# A family's name without its version, and families whose models have no short name here.
_STEMS = frozenset(re.split(r"[\d-]", row.family)[0] for row in KNOWN)
_OTHERS = frozenset(["gpt", "mixtral", "deepseek", "falcon", "bloom", "pythia", "stablelm", "starcoder", "opt"])
_TAG = re.compile(r"latest|instruct|chat|base|text|it|\d+(?:\.\d+)?[bm](?:-.*)?|i?q\d\w*|b?f(?:16|32)", re.ASCII)


def looks_like_a_name(word: str) -> bool:
    """Whether a word looks like a model's name, known or not: gemma, qwen-3, gpt2, llama3:8b."""
    if not re.fullmatch(r"[A-Za-z][\w.:-]*", word, re.ASCII):
        return False
    stem, _, rest = word.lower().partition(":")
    if stem in _STEMS and not rest:
        return True
    if re.fullmatch(rf"(?:{'|'.join(sorted(_STEMS | _OTHERS))})[-_.]?v?\d.*", stem) or _TAG.fullmatch(rest):
        return True
    if re.search(r"[-_]\d+(?:\.\d+)?[bm](?:[-_.]|$)", stem):  # a size: zephyr-7b-beta
        return True
    return any(character.isdigit() for character in stem) and nearest_known(word) is not None
